//! `@text`, `@json` and their like.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::library::Context;
use crate::stop::Res;
use crate::value::{Val, to_text};

/// A way to write a value into a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Html,
    Uri,
    UriDecode,
    Csv,
    Tsv,
    Shell,
    Base64,
    Base64Decode,
    Base32,
    Base32Decode,
}

const FORMATS: [(&str, Format); 12] = [
    ("@text", Format::Text),
    ("@json", Format::Json),
    ("@html", Format::Html),
    ("@uri", Format::Uri),
    ("@urid", Format::UriDecode),
    ("@csv", Format::Csv),
    ("@tsv", Format::Tsv),
    ("@sh", Format::Shell),
    ("@base64", Format::Base64),
    ("@base64d", Format::Base64Decode),
    ("@base32", Format::Base32),
    ("@base32d", Format::Base32Decode),
];

/// Takes texts with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Format {
    pub(crate) fn find(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.iter().map(|(name, _)| *name)
    }

    /// The text of a value in this format.
    pub(crate) fn apply<'a>(self, context: Context<'a>, value: &Val<'a>) -> Res<'a, String> {
        let text = match (self, value) {
            (Format::Json, _) => return Ok(to_text(context.meter, value)?),
            (Format::Csv, _) => {
                return row(context, value, ",", "cannot be csv-formatted", |text| {
                    format!("\"{}\"", text.replace('"', "\"\""))
                });
            }
            (Format::Tsv, _) => {
                return row(context, value, "\t", "cannot be tsv-formatted", |text| {
                    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
                });
            }
            (Format::Shell, Val::Array(items)) => {
                let mut words = String::new();
                for (index, item) in items.iter().enumerate() {
                    words.push_str(if index > 0 { " " } else { "" });
                    words.push_str(&shell_word(context, &item)?);
                    context.meter.fits(words.len())?;
                }
                return Ok(words);
            }
            (Format::Shell, other) => return shell_word(context, other),
            (_, Val::Text(text)) => text.as_str().to_owned(),
            (_, other) => to_text(context.meter, other)?,
        };
        // no format makes more than six bytes of one
        context.meter.check(text.len().saturating_mul(6))?;
        Ok(match self {
            Format::Html => text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('\'', "&#39;")
                .replace('"', "&quot;"),
            Format::Uri => encode_uri(&text),
            Format::UriDecode => decoded(decode_uri(&text)),
            Format::Base64 => BASE64.encode(text),
            Format::Base64Decode => match BASE64.decode(text.trim_end_matches('=')) {
                Ok(bytes) => decoded(bytes),
                Err(_) => return Err(context.wrong(value, "is not valid base64 data")),
            },
            Format::Base32 => encode_base32(text.as_bytes()),
            Format::Base32Decode => match decode_base32(&text) {
                Some(bytes) => decoded(bytes),
                None => return Err(context.wrong(value, "is not valid base32 data")),
            },
            _ => text,
        })
    }
}

/// Bytes that are not UTF-8 become replacement characters, as in jq.
fn decoded(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn row<'a>(
    context: Context<'a>,
    value: &Val<'a>,
    separator: &str,
    problem: &str,
    quote: impl Fn(&str) -> String,
) -> Res<'a, String> {
    let Val::Array(items) = value else {
        return Err(context.wrong(value, &format!("{problem}: only an array can be a row")));
    };
    let mut row = String::new();
    for (index, item) in items.iter().enumerate() {
        row.push_str(if index > 0 { separator } else { "" });
        match item {
            Val::Null => {}
            Val::Text(text) => {
                context.meter.check(2 * text.as_str().len())?;
                row.push_str(&quote(text.as_str()));
            }
            item @ (Val::Bool(_) | Val::Int(_) | Val::Float(_)) => row.push_str(&to_text(context.meter, &item)?),
            other => return Err(context.wrong(&other, &format!("{problem} in a row"))),
        }
        context.meter.work(1)?;
        context.meter.fits(row.len())?;
    }
    Ok(row)
}

fn shell_word<'a>(context: Context<'a>, value: &Val<'a>) -> Res<'a, String> {
    match value {
        Val::Text(text) => {
            context.meter.check(text.as_str().len().saturating_mul(4))?;
            Ok(format!("'{}'", text.as_str().replace('\'', "'\\''")))
        }
        Val::Array(_) | Val::Object(_) => Err(context.wrong(value, "cannot be escaped for shell")),
        other => Ok(to_text(context.meter, other)?),
    }
}

fn encode_uri(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What is not an escape stays as it is.
fn decode_uri(text: &str) -> Vec<u8> {
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let escaped = escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

fn encode_base32(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        for digit in 0..8 {
            let index = (bits >> (35 - 5 * digit)) & 31;
            encoded.push(if digit < digits { char::from(BASE32[index as usize]) } else { '=' });
        }
    }
    encoded
}

fn decode_base32(text: &str) -> Option<Vec<u8>> {
    let (mut decoded, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = BASE32.iter().position(|known| *known == byte)? as u32;
        bits = (bits << 5 | digit) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    Some(decoded)
}
