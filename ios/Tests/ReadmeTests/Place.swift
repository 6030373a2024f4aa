// `cargo xtask test swift` puts README's Swift blocks beside this file, in Generated/, for the compiler to read.
