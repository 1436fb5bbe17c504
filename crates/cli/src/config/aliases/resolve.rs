//! Which system sets what, and whether any two disagree.

use super::given::{Collected, Given};
use super::place::{Address, is_same, option_of};
use super::{DATABASE, Gives, Kind, LISTEN, Part, SYSTEMS, System};
use crate::config::find;
use crate::config::setting::did_you_mean_of;
use crate::config::source::Source;
use crate::config::values::Values;
use crate::failure::{Failure, Result};

/// What came of a variable of another program.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The variable.
    pub(crate) name: String,
    /// Where it is set.
    pub(crate) source: Source,
    /// The setting that it is about, if it is about one.
    pub(crate) key: Option<&'static str>,
    /// Why it does nothing, if that is known already.
    pub(crate) why: Option<String>,
}

/// A value for a setting, which may hold secrets.
struct Proposal {
    key: &'static str,
    value: String,
    source: Source,
    /// Whether it gives way to any other from the same place.
    is_fallback: bool,
}

/// Sets what the collected variables set, where no own variable of Aquifer goes before them. Returns what came of each.
///
/// # Errors
/// For a value that does not fit, for two variables that disagree, and for what [`Collected::is_meant`] refuses.
pub(in crate::config) fn resolve(collected: &Collected, values: &mut Values) -> Result<Vec<Use>> {
    let (mut uses, mut proposals) = (Vec::new(), Vec::new());
    for system in SYSTEMS {
        let given = collected.of(system);
        if !collected.is_meant(system)? || given.is_empty() {
            continue;
        }
        let mut known = SystemUse { system, given, collected, values, uses: Vec::new() };
        proposals.extend(known.urls()?);
        proposals.extend(known.address()?);
        proposals.extend(known.listen()?);
        proposals.extend(known.others()?);
        uses.append(&mut known.uses);
    }
    settle(proposals, values)?;
    Ok(uses)
}

/// One system and what is set of it.
struct SystemUse<'a> {
    system: &'static System,
    given: Vec<&'a Given>,
    collected: &'a Collected,
    values: &'a Values,
    uses: Vec<Use>,
}

impl<'a> SystemUse<'a> {
    /// Databases that are named by a whole URL.
    fn urls(&mut self) -> Result<Vec<Proposal>> {
        let (mut proposals, mut winner) = (Vec::new(), None::<&str>);
        for given in self.that_give(|gives| matches!(gives, Gives::Url | Gives::Fallback)) {
            match winner {
                Some(name) => self.note(given, Some(DATABASE), Some(format!("{name} goes before it"))),
                None => {
                    self.note(given, Some(DATABASE), None);
                    winner = Some(&given.name);
                    if !self.is_overruled(DATABASE, given.source.level()) {
                        proposals.push(Proposal {
                            key: DATABASE,
                            value: given.read()?,
                            source: given.source.clone(),
                            is_fallback: given.alias.gives == Gives::Fallback,
                        });
                    }
                }
            }
        }
        Ok(proposals)
    }

    /// The database that is named part by part.
    fn address(&mut self) -> Result<Option<Proposal>> {
        let all = self.that_give(|gives| matches!(gives, Gives::Kind | Gives::Part(..)));
        let level = all.iter().map(|given| given.source.level()).max().unwrap_or_default();
        if all.is_empty() || self.is_overruled(DATABASE, level) {
            all.iter().for_each(|given| self.note(given, Some(DATABASE), None));
            return Ok(None);
        }
        let Some((kind, reason)) = self.kind(&all)? else {
            return Ok(None);
        };
        let mut address = Address::default();
        let mut used: Vec<&Given> = Vec::new();
        for given in all {
            let Gives::Part(kinds, part) = given.alias.gives else {
                self.note(given, Some(DATABASE), None);
                used.push(given);
                continue;
            };
            if !kinds.is_empty() && !kinds.contains(&kind) {
                self.note(given, None, Some(reason.clone()));
            } else if is_pool(part) && option_of(kind, part).is_none() {
                let name = kind.names().first().copied().unwrap_or_default();
                self.note(given, None, Some(format!("a database of {name} has no such option")));
            } else {
                let value = given.read()?;
                if let Some(known) = address.get(part)
                    && known != value
                {
                    return Err(self.twice(part, &used, given));
                }
                address.set(part, value);
                self.note(given, Some(DATABASE), None);
                used.push(given);
            }
        }
        let options = self.collected.options(self.system);
        for (name, value, _) in options {
            address.add_option(name, value);
        }
        let of_options = options.iter().map(|(_, _, source)| source.clone());
        let source = Source::several(used.iter().map(|given| given.source.clone()).chain(of_options));
        Ok(Some(Proposal { key: DATABASE, value: self.url(kind, address, &source)?, source, is_fallback: false }))
    }

    /// The URL of the address; that of `DATABASE_URL` where it says all of this and more.
    fn url(&self, kind: Kind, mut address: Address, source: &Source) -> Result<String> {
        if let Some(url) = self.collected.database_url()
            && url.source.level() == source.level()
            && address.is_within(kind, url.raw()?)
        {
            return Ok(url.raw()?.to_owned());
        }
        // Go closes what is idle beyond the most that may be open.
        let number = |part| address.get(part).and_then(|value| value.parse::<u32>().ok());
        if let (Some(most), Some(kept)) = (number(Part::MaxConnections), number(Part::MinConnections))
            && kept > most
        {
            address.set(Part::MinConnections, most.to_string());
        }
        if let (Kind::Dynamodb, None, Some(endpoint)) =
            (kind, address.get(Part::Host), address.get(Part::Option("endpoint")))
            && let Some(region) = region_of(endpoint).map(str::to_owned)
        {
            address.set(Part::Host, region);
        }
        for (part, value) in (self.system.defaults)(kind) {
            if address.get(*part).is_none() {
                address.set(*part, (*value).to_owned());
            }
        }
        Ok(address.url(kind))
    }

    /// Which kind of database it is, and why what belongs to others does nothing; `None` if nothing says.
    fn kind(&mut self, all: &[&'a Given]) -> Result<Option<(Kind, String)>> {
        if let Some(given) = all.iter().find(|given| given.alias.gives == Gives::Kind) {
            let value = given.read()?;
            let named = |kind: &&Kind| kind.names().iter().any(|name| value.eq_ignore_ascii_case(name));
            let Some(kind) = self.system.kinds.iter().find(named) else {
                let names = || self.system.kinds.iter().filter_map(|kind| kind.names().first().copied());
                let hint = did_you_mean_of("", &value, names());
                let takes = names().collect::<Vec<_>>().join(", ");
                let place = given.source.place();
                let text = format!("{} takes {takes}, not {value:?} (in {place}){hint}", given.name);
                return Err(Failure::unusable(text));
            };
            return Ok(Some((*kind, format!("{} is {value}", given.name))));
        }
        let mut found: Option<(&Given, Kind)> = None;
        for given in all {
            let Gives::Part([kind], _) = given.alias.gives else { continue };
            match found {
                Some((first, known)) if known != *kind => {
                    let text = format!("{} and {} are about different databases", first.name, given.name);
                    let selects = self.system.aliases.iter().find(|alias| alias.gives == Gives::Kind);
                    let hint = format!("say which it is with {}", selects.map_or("", |alias| alias.name));
                    return Err(Failure::unusable(text).with_hint(hint));
                }
                Some(_) => {}
                None => found = Some((given, *kind)),
            }
        }
        Ok(found.map(|(_, kind)| (kind, String::new())))
    }

    /// Where the server listens. What is not given stays as it is.
    fn listen(&mut self) -> Result<Option<Proposal>> {
        let all = self.that_give(|gives| matches!(gives, Gives::ListenHost | Gives::ListenPort));
        let source = Source::several(all.iter().map(|given| given.source.clone()));
        all.iter().for_each(|given| self.note(given, Some(LISTEN), None));
        if all.is_empty() || self.is_overruled(LISTEN, source.level()) {
            return Ok(None);
        }
        let now = self.values.get(LISTEN).map_or("", |(value, _)| value);
        let (mut host, mut port) = now
            .rsplit_once(':')
            .map_or((now.to_owned(), String::new()), |(host, port)| (host.to_owned(), port.to_owned()));
        for given in all {
            match given.alias.gives {
                Gives::ListenPort => port = given.read()?,
                _ => {
                    host = given.read()?;
                    if host.contains(':') {
                        host = format!("[{host}]");
                    }
                }
            }
        }
        Ok(Some(Proposal { key: LISTEN, value: format!("{host}:{port}"), source, is_fallback: false }))
    }

    /// Single settings, and what does nothing.
    fn others(&mut self) -> Result<Vec<Proposal>> {
        let mut proposals = Vec::new();
        for given in self.that_give(|gives| matches!(gives, Gives::Setting(_) | Gives::Nothing(_))) {
            match given.alias.gives {
                Gives::Setting(key) => {
                    self.note(given, Some(key), None);
                    if !self.is_overruled(key, given.source.level()) {
                        proposals.push(Proposal {
                            key,
                            value: given.read()?,
                            source: given.source.clone(),
                            is_fallback: false,
                        });
                    }
                }
                Gives::Nothing(why) => {
                    given.read()?;
                    self.note(given, None, Some(why.to_owned()));
                }
                _ => {}
            }
        }
        Ok(proposals)
    }

    fn that_give(&self, which: impl Fn(Gives) -> bool) -> Vec<&'a Given> {
        self.given.iter().copied().filter(|given| which(given.alias.gives)).collect()
    }

    fn is_overruled(&self, key: &str, level: u8) -> bool {
        self.values.get(key).is_some_and(|(_, source)| source.level() >= level)
    }

    fn note(&mut self, given: &Given, key: Option<&'static str>, why: Option<String>) {
        self.uses.push(Use { name: given.name.clone(), source: given.source.clone(), key, why });
    }

    /// The failure that two variables give one part differently.
    fn twice(&self, part: Part, used: &[&Given], given: &Given) -> Failure {
        let gives = |known: &&&Given| matches!(known.alias.gives, Gives::Part(_, known) if known == part);
        let first = used.iter().find(gives).map_or("", |given| given.name.as_str());
        Failure::unusable(format!("{first} and {} say different things of the same database: unset one", given.name))
    }
}

fn is_pool(part: Part) -> bool {
    matches!(part, Part::MaxConnections | Part::MinConnections)
}

/// The region in the address of AWS's own DynamoDB.
fn region_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.split_once("://")?.1.split(['/', ':']).next()?;
    let region = host.strip_prefix("dynamodb.")?.split_once(".amazonaws.com")?.0;
    (!region.is_empty()).then_some(region)
}

/// Sets each setting to what was proposed from the strongest place.
fn settle(mut proposals: Vec<Proposal>, values: &mut Values) -> Result<()> {
    while let Some(strongest) = proposals.iter().max_by_key(|proposal| proposal.source.level()) {
        let (key, level) = (strongest.key, strongest.source.level());
        let (about, others): (Vec<_>, Vec<_>) = proposals.into_iter().partition(|proposal| proposal.key == key);
        proposals = others;
        let mut about: Vec<_> = about.into_iter().filter(|proposal| proposal.source.level() == level).collect();
        if about.iter().any(|proposal| !proposal.is_fallback) {
            about.retain(|proposal| !proposal.is_fallback);
        }
        let mut about = about.into_iter();
        let Some(mut first) = about.next() else { continue };
        for other in about {
            let is_same =
                if key == DATABASE { is_same(&first.value, &other.value) } else { first.value == other.value };
            if !is_same {
                return Err(disagreement(&first, &other));
            }
            first.source = Source::several([first.source, other.source]);
        }
        if let Some(setting) = find(key)
            && values.get(key).is_none_or(|(_, source)| source.level() < level)
        {
            values.set(setting, first.value, first.source);
        }
    }
    Ok(())
}

fn disagreement(first: &Proposal, second: &Proposal) -> Failure {
    let shown = |proposal: &Proposal| format!("{} from {}", aquifer::mask(&proposal.value), proposal.source);
    let own = find(first.key).map(|setting| setting.variable()).unwrap_or_default();
    Failure::unusable(format!("{} is set twice, and differently: {}; {}", first.key, shown(first), shown(second)))
        .with_hint(format!("unset one of them, or set {own}, which goes before both"))
}
