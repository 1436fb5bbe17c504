//! Dates. The time is the caller's, the time zone is UTC: neither depends on where an expression runs.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::{Context, Native};
use crate::stop::Res;
use crate::value::{Val, float};

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    ("now", 0, |context, _, _| Ok(seconds(context.meter.now()))),
    ("mktime", 0, |context, input, _| match &input {
        Val::Array(_) => {
            let time = civil(context, &input)?;
            let stamp = TimeZone::UTC.to_timestamp(time).map_err(|error| context.wrong(&input, &error.to_string()))?;
            Ok(Val::Int(stamp.as_second().into()))
        }
        other => Err(context.wrong(other, "is not a broken down time: it is not an array")),
    }),
    ("gmtime", 0, |context, input, _| broken_down(context, stamp(context, &input)?)),
    ("localtime", 0, |context, input, _| broken_down(context, stamp(context, &input)?)),
    ("strftime", 1, format),
    ("strflocaltime", 1, format),
    ("strptime", 1, |context, input, arguments| {
        let text = context.string(&input, "cannot be parsed as a time: only strings can")?;
        let layout = context.string(arguments.first().unwrap_or(&Val::Null), "is not a time format")?;
        context.meter.work(text.len() + layout.len())?;
        let fail =
            |error: jiff::Error| context.wrong(&input, &format!("does not match the format {layout:?}: {error}"));
        let mut parsed = BrokenDownTime::parse(layout, text).map_err(fail)?;
        if parsed.offset().is_none() && parsed.iana_time_zone().is_none() {
            parsed.set_offset(Some(Offset::UTC));
        }
        broken_down(context, parsed.to_timestamp().map_err(fail)?)
    }),
    ("todateiso8601", 0, |context, input, _| match &input {
        Val::Int(_) | Val::Float(_) => {
            let stamp = stamp(context, &input)?;
            let whole = Timestamp::from_second(stamp.as_second()).unwrap_or(stamp);
            context.text(whole.to_string())
        }
        other => Err(context.wrong(other, "is not a time: it is not a number")),
    }),
    ("fromdateiso8601", 0, |context, input, _| {
        let text = context.string(&input, "cannot be parsed as a time: only strings can")?;
        match text.parse::<Timestamp>() {
            Ok(stamp) => Ok(seconds(stamp)),
            Err(error) => Err(context.wrong(&input, &format!("is not a time in RFC 3339: {error}"))),
        }
    }),
];

fn seconds<'a>(stamp: Timestamp) -> Val<'a> {
    if stamp.subsec_nanosecond() == 0 {
        return Val::Int(stamp.as_second().into());
    }
    float(stamp.as_microsecond() as f64 / 1e6)
}

fn stamp<'a>(context: Context<'a>, value: &Val<'a>) -> Res<'a, Timestamp> {
    let stamp = match value {
        Val::Int(int) => i64::try_from(*int).ok().and_then(|int| Timestamp::from_second(int).ok()),
        Val::Float(float) => Timestamp::from_microsecond((float * 1e6).round() as i64).ok(),
        _ => None,
    };
    stamp.ok_or_else(|| context.wrong(value, "is not a time in seconds since 1970"))
}

/// `[year, month from 0, day, hours, minutes, seconds, day of the week, day of the year]`
fn broken_down<'a>(context: Context<'a>, stamp: Timestamp) -> Res<'a> {
    let time = Offset::UTC.to_datetime(stamp);
    let second = match time.subsec_nanosecond() {
        0 => Val::Int(time.second().into()),
        nanosecond => Val::Float(f64::from(time.second()) + (f64::from(nanosecond) / 1e3).round() / 1e6),
    };
    let head =
        [time.year().into(), i128::from(time.month()) - 1, time.day().into(), time.hour().into(), time.minute().into()];
    let tail = [i128::from(time.weekday().to_sunday_zero_offset()), i128::from(time.day_of_year()) - 1];
    let parts = head.map(Val::Int).into_iter().chain([second]).chain(tail.map(Val::Int));
    Ok(Val::list(context.meter, parts)?)
}

fn civil<'a>(context: Context<'a>, value: &Val<'a>) -> Res<'a, DateTime> {
    let Val::Array(parts) = value else { return Err(context.wrong(value, "is not a broken down time")) };
    let part = |index: usize| parts.get(index).as_ref().and_then(Val::as_f64).filter(|number| number.is_finite());
    let time = (|| {
        let second = part(5).unwrap_or(0.0);
        DateTime::new(
            part(0)? as i16,
            (part(1)? + 1.0) as i8,
            part(2)? as i8,
            part(3).unwrap_or(0.0) as i8,
            part(4).unwrap_or(0.0) as i8,
            second.floor() as i8,
            ((second - second.floor()) * 1e9) as i32,
        )
        .ok()
    })();
    time.ok_or_else(|| context.wrong(value, "is not a broken down time"))
}

fn format<'a>(context: Context<'a>, input: Val<'a>, arguments: &[Val<'a>]) -> Res<'a> {
    let layout = context.string(arguments.first().unwrap_or(&Val::Null), "is not a time format")?;
    let zoned = match &input {
        Val::Array(_) => {
            let time = civil(context, &input)?;
            time.to_zoned(TimeZone::UTC).map_err(|error| context.wrong(&input, &error.to_string()))?
        }
        other => Zoned::new(stamp(context, other)?, TimeZone::UTC),
    };
    // a directive of a few bytes pads to at most 255
    context.meter.check(layout.len().saturating_mul(128))?;
    match strtime::format(layout, &zoned) {
        Ok(text) => context.text(text),
        Err(error) => Err(context.error(format!("{layout:?} is not a time format: {error}"))),
    }
}
