//! What goes wrong, in MongoDB's codes.

use bson::{Document, RawDocumentBuf, doc};

/// The label of an error after which the whole transaction may be tried again.
pub(crate) const TRANSIENT: &str = "TransientTransactionError";

/// MongoDB's code of a write that somebody else was faster with.
pub(crate) const WRITE_CONFLICT: i32 = 112;
/// MongoDB's code of a value that a unique index has already.
pub(crate) const DUPLICATE_KEY: i32 = 11000;
/// MongoDB's code of a disk that is full.
const DISK_FULL: i32 = 14031;

/// Why a command has no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client is told.
    Command {
        /// MongoDB's code.
        code: i32,
        /// What to tell.
        message: String,
        /// What a driver goes by.
        labels: Vec<String>,
    },
    /// The client is left without an answer.
    Disconnect,
}

impl Failure {
    /// A failure without labels.
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self::Command { code, message: message.into(), labels: Vec::new() }
    }

    /// A failure after which the transaction may be tried again.
    pub(crate) fn transient(code: i32, message: impl Into<String>) -> Self {
        Self::Command { code, message: message.into(), labels: vec![TRANSIENT.to_owned()] }
    }

    /// Whether another write was in the way.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Command { code: WRITE_CONFLICT, .. })
    }

    /// The answer that tells the client; `None` if it gets none.
    pub(crate) fn answer(&self) -> Option<Document> {
        let Self::Command { code, message, labels } = self else { return None };
        let mut answer = doc! { "ok": 0.0, "errmsg": message.as_str(), "code": *code, "codeName": name(*code) };
        if !labels.is_empty() {
            answer.insert("errorLabels", labels.clone());
        }
        Some(answer)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(refused) if is_full(refused.message()) => Self::new(DISK_FULL, refused.message()),
            Some(refused) => Self::new(refused.code().map_or(8, |state| code(&state)), refused.message()),
            // The engine is gone for now: what a primary says that shuts down.
            None => Self::Command {
                code: 91,
                message: format!("no answer from PostgreSQL: {error}"),
                labels: vec!["RetryableWriteError".to_owned()],
            },
        }
    }
}

impl From<bson::error::Error> for Failure {
    fn from(error: bson::error::Error) -> Self {
        Self::new(9, format!("not the BSON that was expected: {error}"))
    }
}

/// Whether PostgreSQL found no room for a file, which it calls an internal error where the system gives another reason than a full disk.
fn is_full(message: &str) -> bool {
    message.starts_with("could not extend file")
}

/// MongoDB's code for one of PostgreSQL's states; those that begin with M are the engine's own.
pub(crate) fn code(state: &str) -> i32 {
    match state {
        "M0001" => 2,
        "M0003" => 9,
        "M0004" => 14,
        "M0008" => 26,
        "M0009" => 27,
        "M000A" => 28,
        "M000D" => 40,
        "M000M" => 66,
        "M000R" => 85,
        "M000S" => 86,
        "M000U" => 115,
        "M001C" | "23505" | "23P01" => DUPLICATE_KEY,
        "M007U" => 40324,
        "40001" | "40P01" | "55P03" => WRITE_CONFLICT,
        "53100" => DISK_FULL,
        "57014" => 50,
        "57P01" | "57P02" | "57P03" => 91,
        _ => 8,
    }
}

/// The name that goes with a code.
fn name(code: i32) -> &'static str {
    match code {
        2 => "BadValue",
        9 => "FailedToParse",
        13 => "Unauthorized",
        14 => "TypeMismatch",
        18 => "AuthenticationFailed",
        26 => "NamespaceNotFound",
        27 => "IndexNotFound",
        28 => "PathNotViable",
        40 => "ConflictingUpdateOperators",
        43 => "CursorNotFound",
        48 => "NamespaceExists",
        50 => "MaxTimeMSExpired",
        59 => "CommandNotFound",
        64 => "WriteConcernFailed",
        66 => "ImmutableField",
        85 => "IndexOptionsConflict",
        86 => "IndexKeySpecsConflict",
        91 => "ShutdownInProgress",
        WRITE_CONFLICT => "WriteConflict",
        115 => "CommandNotSupported",
        251 => "NoSuchTransaction",
        DUPLICATE_KEY => "DuplicateKey",
        DISK_FULL => "OutOfDiskSpace",
        _ => "UnknownError",
    }
}

/// Puts MongoDB's codes in the place of the engine's in the errors of single writes; answers the first of the codes.
///
/// # Errors
/// If the answer is no BSON.
pub(crate) fn translate_write_errors(answer: &mut RawDocumentBuf) -> Result<Option<i32>, Failure> {
    if !matches!(answer.get("writeErrors"), Ok(Some(_))) {
        return Ok(None);
    }
    let mut document = Document::try_from(answer.as_ref())?;
    let mut first = None;
    for error in document.get_array_mut("writeErrors").into_iter().flatten() {
        let Some(error) = error.as_document_mut() else { continue };
        let packed = error.get_i32("code").unwrap_or(8);
        let is_full = error.get_str("errmsg").is_ok_and(is_full);
        let code = if is_full { DISK_FULL } else { unpacked_code(packed) };
        error.insert("code", code);
        if code == DUPLICATE_KEY {
            let message = error.get_str("errmsg").unwrap_or_default();
            error.insert("errmsg", format!("E11000 duplicate key error: {message}"));
        }
        first.get_or_insert(code);
    }
    *answer = RawDocumentBuf::try_from(&document)?;
    Ok(first)
}

/// MongoDB's code for one that may be a state of PostgreSQL's, packed into a number.
pub(crate) fn unpacked_code(packed: i32) -> i32 {
    if packed > 0xffff { code(&unpacked(packed)) } else { packed }
}

/// The five characters of a state, of which PostgreSQL packs each into six bits.
fn unpacked(packed: i32) -> String {
    (0..5).filter_map(|place| char::from_u32(((packed >> (6 * place)) & 0x3f) as u32 + 48)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_unpacked() {
        // As PostgreSQL's MAKE_SQLSTATE packs "23505".
        let packed = "23505".bytes().enumerate().map(|(place, byte)| (i32::from(byte) - 48) << (6 * place)).sum();
        assert_eq!(unpacked(packed), "23505");
        assert_eq!(code(&unpacked(packed)), DUPLICATE_KEY);
    }

    #[test]
    fn a_lost_client_gets_no_answer() {
        assert!(Failure::Disconnect.answer().is_none());
        let answer = Failure::transient(WRITE_CONFLICT, "somebody was faster").answer().unwrap();
        assert_eq!(answer.get_str("codeName").unwrap(), "WriteConflict");
        assert!(answer.get_array("errorLabels").is_ok());
    }
}
