//! Whom servers run as.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::{Error, Result};

/// A user and a group by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// `nobody` where we are root, which several servers refuse to run as; else `None`: they run as who we are.
///
/// # Errors
/// If we are root and there is no `nobody`.
pub(crate) fn server_user() -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(Error::because("/etc/passwd cannot be read"))?;
    match find(&users, "nobody") {
        Some(user) => Ok(Some(user)),
        None => Err(Error::new("servers do not run as root, and there is no user nobody: run this as another user")),
    }
}

fn find(users: &str, name: &str) -> Option<User> {
    let mut fields = users
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { uid, gid })
}

/// Hands a file or folder over to the user that servers run as.
pub(crate) fn hand_over(path: &Path) -> Result {
    let Some(User { uid, gid }) = server_user()? else { return Ok(()) };
    chown(path, Some(uid), Some(gid)).map_err(Error::because(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(find(users, "nobody"), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(find(users, "nobod"), None);
    }
}
