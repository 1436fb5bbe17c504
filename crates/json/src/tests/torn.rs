//! Damage to the journal.

use std::fs;

use aquifer_core::{Backend, ErrorKind};

use super::work::{Place, dump, insert};

/// A database with two tenants in the journal: its files, and where the last line begins.
async fn database() -> (Vec<u8>, Vec<u8>, usize) {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let start = fs::read(place.journal()).unwrap().len();
    insert(&backend, "b").await.unwrap();
    let files = (fs::read(place.path()).unwrap(), fs::read(place.journal()).unwrap());
    assert_eq!(dump(&backend).len(), 2);
    (files.0, files.1, start)
}

fn with(snapshot: &[u8], journal: &[u8]) -> Place {
    let place = Place::new();
    fs::write(place.path(), snapshot).unwrap();
    fs::write(place.journal(), journal).unwrap();
    place
}

#[tokio::test]
async fn a_line_cut_anywhere_is_cut_off() {
    let (snapshot, journal, start) = database().await;
    for length in start..journal.len() {
        let place = with(&snapshot, &journal[..length]);
        let backend = place.open().unwrap();
        assert_eq!(dump(&backend).len(), 1, "{length}");
        assert_eq!(fs::read(place.journal()).unwrap(), &journal[..start], "{length}");
        insert(&backend, "b").await.unwrap();
        drop(backend);
        assert_eq!(dump(&place.open().unwrap()).len(), 2, "{length}");
    }
}

#[tokio::test]
async fn blocks_that_were_never_written_are_cut_off() {
    let (snapshot, journal, start) = database().await;
    for from in start..journal.len() {
        let mut torn = journal.clone();
        torn[from..].fill(0);
        let place = with(&snapshot, &torn);
        assert_eq!(dump(&place.open().unwrap()).len(), 1, "{from}");
        // The end came, what is before it did not.
        let mut torn = journal.clone();
        let last = torn.len() - 1;
        if from < last {
            torn[from..last].fill(0);
            let place = with(&snapshot, &torn);
            assert_eq!(dump(&place.open().unwrap()).len(), 1, "{from}");
        }
    }
}

#[tokio::test]
async fn damage_anywhere_else_is_reported_with_its_line() {
    let (snapshot, journal, start) = database().await;
    let lines = |upto: usize| journal[..upto].iter().filter(|byte| **byte == b'\n').count();
    for place_of_damage in 0..journal.len() - 1 {
        let mut damaged = journal.clone();
        damaged[place_of_damage] ^= 1;
        if damaged[place_of_damage] == b'\n' || damaged[place_of_damage] == 0 {
            continue;
        }
        let place = with(&snapshot, &damaged);
        let error = place.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{place_of_damage}");
        // A line whose end is gone is one with the next.
        let line = lines(place_of_damage) + 1;
        assert!(error.message().contains(&format!("data.json.journal is damaged at line {line}:")), "{error}");
        assert_eq!(fs::read(place.journal()).unwrap(), damaged, "nothing was changed");
    }
    assert!(start > 0);
}

#[tokio::test]
async fn lines_that_are_lost_doubled_or_moved_show() {
    let (snapshot, journal, _) = database().await;
    let lines: Vec<&[u8]> = journal.split_inclusive(|byte| *byte == b'\n').collect();
    let [head, first, second] = lines[..] else { panic!("{}", lines.len()) };
    for wrong in [[head, second, first], [head, first, first], [head, second, second], [first, second, head]] {
        let place = with(&snapshot, &wrong.concat());
        assert_eq!(place.open().unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let place = with(&snapshot, &[head, second].concat());
    assert_eq!(place.open().unwrap_err().kind(), ErrorKind::Corrupt);
    let place = with(&snapshot, b"");
    assert_eq!(place.open().unwrap_err().kind(), ErrorKind::Corrupt);
}
