//! What tells one process from another on the same machine.

use std::fs;

use rustix::process::{Pid, test_kill_process};

/// The machine's name, for people.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

/// This process: the boot of the machine and the process namespace it lives in, its number there, and when it started. `None`
/// where the system does not say.
pub(crate) fn this() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{}/{pid}/{}", place()?, started(pid)?))
}

/// Whether a process named by [`this`] has certainly ended. False whenever that cannot be seen from here, as for one in another
/// container: then its lease has to run out.
pub(crate) fn is_gone(process: &str) -> bool {
    let mut parts = process.rsplitn(3, '/');
    let (Some(start), Some(pid), Some(home)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    if place().as_deref() != Some(home) {
        return false;
    }
    match started(pid) {
        // The number may have been given to another process since.
        Some(other) => other != start,
        // Its files may only be hidden from us, so ask for the process itself.
        None => i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH)),
    }
}

fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.display()))
}

/// When a process started, in clock ticks since the boot; `None` if there is no such process, or it is a zombie.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may contain anything.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return Some("ended".to_owned());
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_when_it_has_ended_and_not_before() {
        let this = this().unwrap();
        assert!(!is_gone(&this));
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let name = format!("{}/{pid}/{}", place().unwrap(), started(pid).unwrap());
        assert!(!is_gone(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name));
        let elsewhere = name.replacen("pid:[", "pid:[9", 1);
        assert_ne!(elsewhere, name);
        assert!(!is_gone(&elsewhere), "another container's processes cannot be seen");
        assert!(!is_gone("nonsense"));
    }
}
