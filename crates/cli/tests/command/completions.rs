//! `aquifer completions`.

use crate::support::Folder;

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Folder::new().run(&["completions", shell]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("aquifer") && ended.stdout.contains("validate"), "{shell}");
    }
    Folder::new().run(&["completions", "dos"]).assert_unusable("possible values");
}
