//! Lines: scrollback, search, wrapping, the size of the terminal.

use crate::screen::reef::{DOWN, ESC, PAGE_DOWN, PAGE_UP, UP, at_each_size, ctrl, prompts};

#[test]
fn older_lines_are_scrolled_to_and_found() {
    at_each_size(|mut reef| {
        let lines: Vec<_> = (0..90).map(|number| format!("line {number:03}")).collect();
        reef.ann.pastes(&lines.join("\n"));
        prompts(&reef.ann, "Paste 90 lines to #reef?");
        reef.ann.types("\r");
        reef.ann.sees("<ann> line 089");
        reef.ann.types(PAGE_UP);
        reef.ann.sees("scrolled: Ctrl-End");
        reef.ann.sees_no_longer("line 089");
        // New lines leave the place alone.
        let before = reef.ann.text();
        let middle = before.lines().nth(5).unwrap();
        reef.bob_says("ann: the newest");
        assert_eq!(reef.ann.text().lines().nth(5).unwrap(), middle);
        for _ in 0..9 {
            reef.ann.types(PAGE_UP);
        }
        reef.ann.sees("you are in #reef");
        reef.ann.types(PAGE_DOWN);
        reef.ann.sees_no_longer("you are in #reef");
        reef.ann.types("\u{1b}[1;5F");
        reef.ann.sees("ann: the newest");
        reef.ann.sees_no_longer("scrolled");

        reef.ann.types(&ctrl('f'));
        prompts(&reef.ann, "search:");
        reef.ann.types("LINE 00");
        let text = reef.ann.sees("line 009");
        assert!(text.contains("search: LINE 00"), "{text}");
        let found = |reef: &crate::screen::reef::Reef, text: &str| {
            let row = format!("<ann> {text}");
            reef.ann.wait(&format!("{text} marked"), |rows| {
                let y = rows.iter().position(|it| it.contains(&row));
                y.is_some_and(|y| {
                    reef.ann.inspect(|screen| {
                        let y = u16::try_from(y).unwrap();
                        let cells = (0..screen.size().1.get()).filter_map(|x| screen.cell(y, x));
                        let marked: String = cells
                            .filter(|cell| cell.inverse())
                            .map(vt100_contents)
                            .collect();
                        marked == "line 00"
                    })
                })
            });
        };
        found(&reef, "line 009");
        reef.ann.types(UP);
        found(&reef, "line 008");
        reef.ann.types(DOWN);
        found(&reef, "line 009");
        reef.ann.types("7");
        found_one(&reef, "line 007");
        reef.ann.types("x");
        reef.ann.sees("No line has it");
        reef.ann.types(ESC);
        prompts(&reef.ann, "#reef>");
    });
}

fn vt100_contents(cell: &vt100::Cell) -> String {
    cell.contents().to_owned()
}

#[track_caller]
fn found_one(reef: &crate::screen::reef::Reef, text: &str) {
    reef.ann.sees(text);
}

#[test]
fn long_lines_break_at_words_and_a_resize_loses_nothing() {
    at_each_size(|mut reef| {
        let words: Vec<_> = (0..40).map(|number| format!("word{number:02}")).collect();
        reef.bob_says(&words.join(" "));
        let is_whole = |rows: &[String]| {
            words
                .iter()
                .all(|word| rows.iter().any(|row| row.contains(word.as_str())))
        };
        reef.ann.wait("whole words", is_whole);
        // Each row of the text begins below the first.
        let rows = reef.ann.rows();
        let column = |word: &str| {
            rows.iter()
                .find_map(|row| row.find(word).map(|at| row[..at].chars().count()))
                .unwrap()
        };
        let first = column("word00");
        let starts = words.iter().filter(|word| column(word) == first).count();
        assert!(starts >= 2, "{rows:#?}");
        for size in [(40, 12), (100, 24), (61, 30), (20, 40), reef.size] {
            reef.ann.resize(size);
            reef.ann.types(&ctrl('l'));
            if size.0 > 20 {
                reef.ann.wait(&format!("whole words at {size:?}"), |rows| {
                    size.1 < 20 || is_whole(rows)
                });
            }
        }
        reef.ann.types("kept");
        prompts(&reef.ann, "#reef> kept");
        reef.ann.resize((8, 3));
        reef.ann.resize(reef.size);
        prompts(&reef.ann, "#reef> kept");
        reef.ann.wait("whole words again", is_whole);
    });
}

#[test]
fn emoji_and_wide_characters_keep_their_columns() {
    at_each_size(|mut reef| {
        let (columns, _) = reef.size;
        reef.bob_says("世界 👋 e\u{301}tude 한글 end");
        reef.ann.sees("世界 👋 e\u{301}tude 한글 end");
        let wide = "世界".repeat(50);
        reef.bob_says(&wide);
        reef.ann.wait("all wide characters", |rows| {
            rows.iter()
                .map(|row| row.matches("世界").count())
                .sum::<usize>()
                >= 51 - 3
        });
        // The border of the list of members is in one column.
        let border = columns - 16;
        reef.ann.inspect(|screen| {
            for y in 1..screen.size().0.get() - 2 {
                assert_eq!(screen.cell(y, border).unwrap().contents(), "│", "row {y}");
            }
        });
        // The cursor stands behind what is typed.
        reef.ann.types("世👋é");
        prompts(&reef.ann, "#reef> 世👋é");
        reef.ann.wait("the cursor", |_| {
            reef.ann
                .inspect(|screen| usize::from(screen.cursor_position().1) == "#reef> ".len() + 5)
        });
        reef.ann.types("\u{1b}[D\u{1b}[D\u{7f}x\r");
        reef.bob.expect("PRIVMSG #reef :x👋é");
    });
}
