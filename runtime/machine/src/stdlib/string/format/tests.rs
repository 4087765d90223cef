//! Expected values were printed by the reference implementation, 5.4.4, on glibc.

use super::*;

/// Formats with a directive and literal text around it; errors come as their message.
fn format(text: &str, argument: impl Fn(&Spec, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    for piece in Pieces::new(text.as_bytes()) {
        match piece {
            Piece::Literal(bytes) => out.extend_from_slice(bytes),
            Piece::Directive(directive) => match directive.conversion().and_then(|_| directive.spec()) {
                Ok(spec) => argument(&spec, &mut out),
                Err(error) => return error.to_string(),
            },
        }
    }
    String::from_utf8(out).expect("the test writes ASCII")
}

#[test]
fn pieces_cut_the_format() {
    let mut pieces = Pieces::new(b"a%%b%-5.2fc%");
    let directive = |text| Piece::Directive(Directive { text });
    assert_eq!(pieces.next(), Some(Piece::Literal(b"a")));
    assert_eq!(pieces.next(), Some(Piece::Literal(b"%")));
    assert_eq!(pieces.next(), Some(Piece::Literal(b"b")));
    let mut rest = Pieces::resume(b"a%%b%-5.2fc%", pieces.offset());
    assert_eq!(rest.next(), Some(directive(b"%-5.2f")));
    assert_eq!(rest.next(), Some(Piece::Literal(b"c")));
    assert_eq!(rest.next(), Some(directive(b"%")));
    assert_eq!(rest.next(), None);
}

#[test]
fn wrong_directives_are_named() {
    let zeros = format!("%{}d", "0".repeat(20));
    assert_eq!(format(&zeros, |spec, out| format_integer(spec, 1, out)), "1");
    let zeros = format!("%{}d", "0".repeat(21));
    let specification = |text| format!("invalid conversion specification: '{text}'");
    let conversion = |text| format!("invalid conversion '{text}' to 'format'");
    for (text, expected) in [
        ("%y", conversion("%y")),
        ("%F", conversion("%F")),
        ("%", conversion("%")),
        ("%5", conversion("%5")),
        ("%1$d", conversion("%1$")),
        ("%0.5\0", conversion("%0.5")),
        ("%5.2.3f", specification("%5.2.3f")),
        ("%123d", specification("%123d")),
        ("%.123f", specification("%.123f")),
        ("%..f", specification("%..f")),
        ("%5 d", specification("%5 d")),
        ("%#d", specification("%#d")),
        ("%#i", specification("%#i")),
        ("%+u", specification("%+u")),
        ("%+x", specification("%+x")),
        ("%.3c", specification("%.3c")),
        ("%010c", specification("%010c")),
        ("%05s", specification("%05s")),
        ("%0.34s", specification("%0.34s")),
        ("%.5p", specification("%.5p")),
        ("%5q", "specifier '%q' cannot have modifiers".to_owned()),
        (&zeros, "invalid format (too long)".to_owned()),
    ] {
        assert_eq!(format(text, |_, _| ()), expected);
    }
    let error = FormatError::Conversion(b"%\xff".to_vec());
    assert_eq!(error.message(), b"invalid conversion '%\xff' to 'format'");
}

#[test]
fn integers() {
    let cases: &[(&str, i64, &str)] = &[
        ("%d", 42, "42"),
        ("%d", -42, "-42"),
        ("%i", 42, "42"),
        ("%i", -42, "-42"),
        ("%5d|", 42, "   42|"),
        ("%5d|", -42, "  -42|"),
        ("%-5d|", 42, "42   |"),
        ("%05d", 42, "00042"),
        ("%05d", -42, "-0042"),
        ("%+d", 42, "+42"),
        ("%+d", -42, "-42"),
        ("% d", 42, " 42"),
        ("% d", -42, "-42"),
        ("%.3d", 42, "042"),
        ("%.3d", -42, "-042"),
        ("%.0d", 0, ""),
        ("%.0d", 42, "42"),
        ("%.0d", -42, "-42"),
        ("%8.3d", 42, "     042"),
        ("%-8.3d|", 42, "042     |"),
        ("%08.3d", 42, "     042"),
        ("%u", 42, "42"),
        ("%u", -42, "18446744073709551574"),
        ("%x", 42, "2a"),
        ("%x", -42, "ffffffffffffffd6"),
        ("%X", 42, "2A"),
        ("%X", -42, "FFFFFFFFFFFFFFD6"),
        ("%#x", 0, "0"),
        ("%#x", 42, "0x2a"),
        ("%#x", -42, "0xffffffffffffffd6"),
        ("%#X", 0, "0"),
        ("%#X", 42, "0X2A"),
        ("%#X", -42, "0XFFFFFFFFFFFFFFD6"),
        ("%#o", 0, "0"),
        ("%#o", 42, "052"),
        ("%#o", -42, "01777777777777777777726"),
        ("%o", 42, "52"),
        ("%o", -42, "1777777777777777777726"),
        ("%#.0o", 0, "0"),
        ("%#.0o", 42, "052"),
        ("%.0x", 0, ""),
        ("%.0x", 42, "2a"),
        ("%.0x", -42, "ffffffffffffffd6"),
        ("%#08x", 0, "00000000"),
        ("%#08x", 42, "0x00002a"),
        ("%-#8x|", 0, "0       |"),
        ("%-#8x|", 42, "0x2a    |"),
        ("%+05d", 42, "+0042"),
        (
            "%99d",
            42,
            "                                                                                                 42",
        ),
        (
            "%99d",
            -42,
            "                                                                                                -42",
        ),
        (
            "%.99d",
            42,
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000042",
        ),
        ("%d", i64::MIN, "-9223372036854775808"),
        ("%x", i64::MIN, "8000000000000000"),
    ];
    for &(text, integer, expected) in cases {
        let formatted = format(text, |spec, out| format_integer(spec, integer, out));
        assert_eq!(formatted, expected, "{text} of {integer}");
    }
}

#[test]
fn floats() {
    let cases: &[(&str, f64, &str)] = &[
        ("%f", 0.0, "0.000000"),
        ("%e", 0.0, "0.000000e+00"),
        ("%g", 0.0, "0"),
        ("%a", 0.0, "0x0p+0"),
        ("%f", -0.0, "-0.000000"),
        ("%e", -0.0, "-0.000000e+00"),
        ("%g", -0.0, "-0"),
        ("%a", -0.0, "-0x0p+0"),
        ("%f", 1.0, "1.000000"),
        ("%e", 1.0, "1.000000e+00"),
        ("%g", 1.0, "1"),
        ("%a", 1.0, "0x1p+0"),
        ("%.20f", 0.1, "0.10000000000000000555"),
        ("%.20e", 0.1, "1.00000000000000005551e-01"),
        ("%.20g", 0.1, "0.10000000000000000555"),
        ("%.20a", 0.1, "0x1.999999999999a0000000p-4"),
        ("%.0f", 2.5, "2"),
        ("%.0e", 2.5, "2e+00"),
        ("%.0g", 2.5, "2"),
        ("%.0a", 2.5, "0x1p+1"),
        ("%.0f", 3.5, "4"),
        ("%#.0f", 3.5, "4."),
        ("%#.0e", 3.5, "4.e+00"),
        ("%#.0g", 3.5, "4."),
        ("%g", 1e15, "1e+15"),
        ("%.14g", 1e15, "1e+15"),
        ("%.17g", 1e15, "1000000000000000"),
        ("%f", 1e15, "1000000000000000.000000"),
        ("%g", 123456.0, "123456"),
        ("%#g", 123456.0, "123456."),
        ("%.3g", 123456.0, "1.23e+05"),
        ("%G", 123456.0, "123456"),
        ("%g", 1234567.0, "1.23457e+06"),
        ("%#g", 1234567.0, "1.23457e+06"),
        ("%.3g", 1234567.0, "1.23e+06"),
        ("%G", 1234567.0, "1.23457E+06"),
        ("%g", 0.0001, "0.0001"),
        ("%#g", 0.0001, "0.000100000"),
        ("%.3g", 0.0001, "0.0001"),
        ("%E", 0.0001, "1.000000E-04"),
        ("%g", 0.00001, "1e-05"),
        ("%#g", 0.00001, "1.00000e-05"),
        ("%.3g", 0.00001, "1e-05"),
        ("%E", 0.00001, "1.000000E-05"),
        ("%g", 5e-324, "4.94066e-324"),
        ("%.17g", 5e-324, "4.9406564584124654e-324"),
        ("%a", 5e-324, "0x0.0000000000001p-1022"),
        ("%.3a", 5e-324, "0x0.000p-1022"),
        ("%g", 1e300, "1e+300"),
        ("%.17g", 1e300, "1.0000000000000001e+300"),
        ("%a", 1e300, "0x1.7e43c8800759cp+996"),
        ("%.1a", 1e300, "0x1.8p+996"),
        ("%.0a", 1.7976931348623157e308, "0x2p+1023"),
        ("%.3a", 1.7976931348623157e308, "0x2.000p+1023"),
        ("%e", 1.7976931348623157e308, "1.797693e+308"),
        ("%G", 1.7976931348623157e308, "1.79769E+308"),
        ("%8.2f|", -2.5, "   -2.50|"),
        ("%-8.2f|", -2.5, "-2.50   |"),
        ("%08.2f", -2.5, "-0002.50"),
        ("%+.1f", -2.5, "-2.5"),
        ("% f", 2.5, " 2.500000"),
        ("%+f", 2.5, "+2.500000"),
        ("%+010.2f", 2.5, "+000002.50"),
        ("%-+10.2f|", 2.5, "+2.50     |"),
        ("%f", f64::INFINITY, "inf"),
        ("%5.1f|", f64::INFINITY, "  inf|"),
        ("%05g", f64::INFINITY, "  inf"),
        ("%+A", f64::INFINITY, "+INF"),
        ("%f", f64::NEG_INFINITY, "-inf"),
        ("%-6e|", f64::NEG_INFINITY, "-inf  |"),
        ("%06g", f64::NEG_INFINITY, "  -inf"),
        ("%G", f64::NEG_INFINITY, "-INF"),
        ("%.1a", 1.96875, "0x2.0p+0"),
        ("%.2a", 1.96875, "0x1.f8p+0"),
        ("%A", 1.96875, "0X1.F8P+0"),
        ("%#.0a", 1.96875, "0x2.p+0"),
        ("%20.5a", -1.5, "       -0x1.80000p+0"),
        ("%-20.5a|", -1.5, "-0x1.80000p+0       |"),
        ("%020.5a", -1.5, "-0x00000001.80000p+0"),
        ("%A", -1.5, "-0X1.8P+0"),
        (
            "%.99f",
            0.5,
            "0.500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("%.50e", 0.5, "5.00000000000000000000000000000000000000000000000000e-01"),
        ("%.0f", 0.5, "0"),
        ("%g", 0.5, "0.5"),
        ("%.0f", 1.5, "2"),
        ("%.0e", 1.5, "2e+00"),
        ("%#.0a", 1.5, "0x2.p+0"),
        ("%g", 1.5, "1.5"),
        ("%.3f", 99.9995, "99.999"),
        ("%.4g", 99.9995, "100"),
        ("%.5g", 99.9995, "99.999"),
        ("%.2e", 99.9995, "1.00e+02"),
        ("%.0f", 9.5, "10"),
        ("%.0e", 9.5, "1e+01"),
        ("%.1g", 9.5, "1e+01"),
        ("%.0g", 9.5, "1e+01"),
        ("%g", 999999.5, "1e+06"),
        ("%.7g", 999999.5, "999999.5"),
        ("%e", 999999.5, "9.999995e+05"),
        ("%.0f", 1e22, "10000000000000000000000"),
        ("%g", 1e22, "1e+22"),
        ("%.30g", 1e22, "10000000000000000000000"),
        ("%a", 1e22, "0x1.0f0cf064dd592p+73"),
        ("%+g", -0.0, "-0"),
        ("% g", -0.0, "-0"),
        ("%05g", -0.0, "-0000"),
        ("%-5g|", -0.0, "-0   |"),
        ("% f", 2.5, " 2.500000"),
        ("%+f", 2.5, "+2.500000"),
        ("% g", 2.5, " 2.5"),
        ("%g", f64::from_bits(0xfff8_0000_0000_0000), "-nan"),
        ("%05G|", f64::from_bits(0x7ff8_0000_0000_0000), "  NAN|"),
        // C's standard; glibc 2.35 drops the zeros when rounding carries.
        ("%#g", 999999.5, "1.00000e+06"),
    ];
    for &(text, float, expected) in cases {
        let formatted = format(text, |spec, out| format_float(spec, float, out));
        assert_eq!(formatted, expected, "{text} of {float:e}");
    }
}

#[test]
fn strings_chars_and_pointers() {
    for (text, expected) in
        [("%s|", "abc|"), ("%5.1s|", "    a|"), ("%-5s|", "abc  |"), ("%5.s|", "     |"), ("%.20s", "abc")]
    {
        assert_eq!(format(text, |spec, out| format_string(spec, b"abc", out)), expected);
    }
    assert_eq!(format("%-5c|%5c|", |spec, out| format_char(spec, 65, out)), "A    |    A|");
    let null = |spec: &Spec, out: &mut Vec<u8>| format_pointer(spec, None, out);
    assert_eq!(format("%10p|%-10p|%p", null), "    (null)|(null)    |(null)");
    let some = |spec: &Spec, out: &mut Vec<u8>| format_pointer(spec, Some(0x5678), out);
    assert_eq!(format("%10p|%-10p|%p", some), "    0x5678|0x5678    |0x5678");
}

#[test]
fn quoted_literals_read_back() {
    let mut out = Vec::new();
    let text = b"a\0b\x001\r\n\"\\\x7f\xc8\t9";
    assert_eq!(quote_string(text, 0, usize::MAX, &mut out), None);
    for most in 1..text.len() {
        let (mut parts, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            from = quote_string(text, at, most, &mut parts);
        }
        assert_eq!(parts, out);
    }
    assert_eq!(out, b"\"a\\0b\\0001\\13\\\n\\\"\\\\\\127\xc8\\0099\"");
    for (integer, expected) in [(i64::MIN, "0x8000000000000000"), (-3, "-3")] {
        let mut out = Vec::new();
        quote_integer(integer, &mut out);
        assert_eq!(out, expected.as_bytes());
    }
    for (float, expected) in [
        (0.0, "0x0p+0"),
        (1.0, "0x1p+0"),
        (0.1, "0x1.999999999999ap-4"),
        (f64::INFINITY, "1e9999"),
        (f64::NEG_INFINITY, "-1e9999"),
        (f64::NAN, "(0/0)"),
    ] {
        let mut out = Vec::new();
        quote_float(float, &mut out);
        assert_eq!(out, expected.as_bytes());
    }
}
