//! Mathematics.

use super::{Context, Native};
use crate::stop::Res;
use crate::value::{Val, float, negate};

/// A function of the input, which must be a number.
macro_rules! unary {
    ($name:literal, $function:expr) => {
        ($name, 0, |context, input, _| Ok(float($function(number(context, &input)?))))
    };
}

/// A function of two arguments.
macro_rules! binary {
    ($name:literal, $function:expr) => {
        ($name, 2, |context, _, arguments| {
            let [left, right] = arguments else { return Ok(Val::Null) };
            Ok(float($function(number(context, left)?, number(context, right)?)))
        })
    };
}

/// A rounding, which leaves integers alone.
macro_rules! rounding {
    ($name:literal, $function:expr) => {
        ($name, 0, |context, input, _| match input {
            Val::Int(_) => Ok(input),
            other => Ok(float($function(number(context, &other)?))),
        })
    };
}

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    rounding!("floor", f64::floor),
    rounding!("ceil", f64::ceil),
    rounding!("round", f64::round),
    rounding!("trunc", f64::trunc),
    rounding!("rint", f64::round_ties_even),
    rounding!("nearbyint", f64::round_ties_even),
    unary!("sqrt", f64::sqrt),
    unary!("cbrt", f64::cbrt),
    unary!("exp", f64::exp),
    unary!("exp2", f64::exp2),
    unary!("exp10", |x| f64::powf(10.0, x)),
    unary!("expm1", f64::exp_m1),
    unary!("log", f64::ln),
    unary!("log2", f64::log2),
    unary!("log10", f64::log10),
    unary!("log1p", f64::ln_1p),
    unary!("sin", f64::sin),
    unary!("cos", f64::cos),
    unary!("tan", f64::tan),
    unary!("asin", f64::asin),
    unary!("acos", f64::acos),
    unary!("atan", f64::atan),
    unary!("sinh", f64::sinh),
    unary!("cosh", f64::cosh),
    unary!("tanh", f64::tanh),
    unary!("asinh", f64::asinh),
    unary!("acosh", f64::acosh),
    unary!("atanh", f64::atanh),
    unary!("significand", significand),
    unary!("logb", |x: f64| if x == 0.0 { f64::NEG_INFINITY } else { f64::from(exponent(x)) }),
    binary!("pow", f64::powf),
    binary!("atan2", f64::atan2),
    binary!("fmin", f64::min),
    binary!("fmax", f64::max),
    binary!("fmod", |x: f64, y: f64| x % y),
    binary!("hypot", f64::hypot),
    binary!("copysign", f64::copysign),
    binary!("ldexp", |x: f64, e: f64| x * f64::powf(2.0, e)),
    binary!("scalb", |x: f64, e: f64| x * f64::powf(2.0, e)),
    binary!("scalbln", |x: f64, e: f64| x * f64::powf(2.0, e)),
    ("fabs", 0, |context, input, _| Ok(float(number(context, &input)?.abs()))),
    ("abs", 0, |context, input, _| match &input {
        Val::Int(int) if *int < 0 => Ok(negate(&input).unwrap_or(Val::Null)),
        Val::Float(number) if *number < 0.0 => Ok(Val::Float(-number)),
        Val::Int(_) | Val::Float(_) => Ok(input),
        other => Err(context.wrong(other, "has no absolute value")),
    }),
    ("fma", 3, |context, _, arguments| {
        let [x, y, z] = arguments else { return Ok(Val::Null) };
        Ok(float(number(context, x)? * number(context, y)? + number(context, z)?))
    }),
    ("frexp", 0, |context, input, _| {
        let x = number(context, &input)?;
        let whole = if x == 0.0 || !x.is_finite() { 0 } else { exponent(x) + 1 };
        Ok(Val::list(context.meter, [float(x / f64::powi(2.0, whole)), Val::Int(whole.into())])?)
    }),
    ("modf", 0, |context, input, _| {
        let x = number(context, &input)?;
        let fraction = if x.is_infinite() { 0.0 } else { x.fract() };
        Ok(Val::list(context.meter, [float(fraction), float(x.trunc())])?)
    }),
    ("infinite", 0, |_, _, _| Ok(Val::Float(f64::INFINITY))),
    ("nan", 0, |_, _, _| Ok(Val::Float(f64::NAN))),
    ("isinfinite", 0, |context, input, _| Ok(Val::Bool(number(context, &input)?.is_infinite()))),
    ("isnan", 0, |context, input, _| Ok(Val::Bool(number(context, &input)?.is_nan()))),
    ("isnormal", 0, |context, input, _| Ok(Val::Bool(number(context, &input)?.is_normal()))),
];

fn number<'a>(context: Context<'a>, value: &Val<'a>) -> Res<'a, f64> {
    value.as_f64().ok_or_else(|| context.wrong(value, "number required"))
}

/// The power of two in a number that is not 0.
fn exponent(x: f64) -> i32 {
    if !x.is_finite() {
        return 0;
    }
    // `log2` may round up just below a power
    let near = x.abs().log2().floor() as i32;
    let too_far = f64::powi(2.0, near) > x.abs();
    near - i32::from(too_far)
}

fn significand(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() { x } else { x / f64::powi(2.0, exponent(x)) }
}
