#![allow(clippy::print_stdout, missing_docs)]
use crc_sim::*;
fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let args: Vec<u64> = std::env::args()
        .skip(1)
        .map(|a| a.parse().unwrap())
        .collect();
    let mut settings = Settings::default();
    if args.len() == 1 {
        settings.lines = true;
        println!("{}", options(args[0], &settings));
        let o = run_seed(args[0], &settings);
        for l in &o.lines {
            println!("{l}");
        }
        for v in &o.violations {
            println!("{v}");
        }
        println!("{:?} {:x}", o.counts, o.trace_hash);
        return;
    }
    let t = std::time::Instant::now();
    let mut report = Report::default();
    for seed in args[0]..args[1] {
        let o = run_seed(seed, &settings);
        report.add(&o);
    }
    print!("{report}");
    println!("{:?}", t.elapsed());
    for (s, v) in report.violations.iter().take(25) {
        println!("{s}: {v}");
    }
}
