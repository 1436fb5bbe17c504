use super::Reader;
use super::cursor::At;
use super::names::look_up;
use crate::{
    Authentication, AuthenticationPolicy, BearerToken, ClientAuthentication, Credentials, OAuth2, OAuth2Client,
    OAuth2Endpoints, OAuth2Grant, OAuth2Policy, OAuth2Token, TokenEncoding,
};

const KINDS: [&str; 5] = ["basic", "bearer", "digest", "oauth2", "oidc"];

const GRANTS: [(&str, OAuth2Grant); 5] = [
    ("authorization_code", OAuth2Grant::AuthorizationCode),
    ("client_credentials", OAuth2Grant::ClientCredentials),
    ("password", OAuth2Grant::Password),
    ("refresh_token", OAuth2Grant::RefreshToken),
    ("urn:ietf:params:oauth:grant-type:token-exchange", OAuth2Grant::TokenExchange),
];

const CLIENT_AUTHENTICATIONS: [(&str, ClientAuthentication); 5] = [
    ("client_secret_basic", ClientAuthentication::ClientSecretBasic),
    ("client_secret_post", ClientAuthentication::ClientSecretPost),
    ("client_secret_jwt", ClientAuthentication::ClientSecretJwt),
    ("private_key_jwt", ClientAuthentication::PrivateKeyJwt),
    ("none", ClientAuthentication::None),
];

const ENCODINGS: [(&str, TokenEncoding); 2] =
    [("application/x-www-form-urlencoded", TokenEncoding::Form), ("application/json", TokenEncoding::Json)];

impl Reader {
    /// Reads a policy, or a reference to one.
    pub(super) fn authentication(&mut self, at: &At<'_>) -> Option<Authentication> {
        let pointer = at.pointer.clone();
        if let Some(reference) = at.get("use") {
            self.object(at, "the reference to an authentication", &["use"])?;
            let name = self.text(&reference)?;
            let outcome = look_up(&self.names.authentications, &name, "authentications");
            let policy = self.found(&reference, outcome)?;
            return Some(Authentication { name: Some(name), policy, pointer });
        }
        let policy = self.authentication_policy(at)?;
        Some(Authentication { name: None, policy, pointer })
    }

    pub(super) fn authentication_policy(&mut self, at: &At<'_>) -> Option<AuthenticationPolicy> {
        let what = "the authentication";
        self.object(at, what, &KINDS)?;
        let (kind, at) = self.one_of(at, &KINDS, what)?;
        match kind {
            "basic" => self.credentials(&at).map(AuthenticationPolicy::Basic),
            "digest" => self.credentials(&at).map(AuthenticationPolicy::Digest),
            "bearer" => self.bearer(&at).map(AuthenticationPolicy::Bearer),
            "oauth2" => self.oauth2_policy(&at, true).map(AuthenticationPolicy::OAuth2),
            _ => self.oauth2_policy(&at, false).map(AuthenticationPolicy::Oidc),
        }
    }

    /// Reads `use`, the name of a secret that holds the whole configuration.
    fn secret(&mut self, at: &At<'_>, reference: &At<'_>) -> Option<String> {
        self.object(at, "the reference to a secret", &["use"])?;
        let name = self.text(reference)?;
        let outcome = look_up(&self.names.secrets, &name, "secrets");
        self.found(reference, outcome)?;
        Some(name)
    }

    fn credentials(&mut self, at: &At<'_>) -> Option<Credentials> {
        if let Some(reference) = at.get("use") {
            return self.secret(at, &reference).map(Credentials::Secret);
        }
        let what = "the authentication";
        let known = self.object(at, what, &["username", "password", "use"]);
        let username = self.required(at, "username", what, Self::string);
        let password = self.required(at, "password", what, Self::string);
        known?;
        Some(Credentials::Inline { username: username?, password: password? })
    }

    fn bearer(&mut self, at: &At<'_>) -> Option<BearerToken> {
        if let Some(reference) = at.get("use") {
            return self.secret(at, &reference).map(BearerToken::Secret);
        }
        self.object(at, "the authentication", &["token", "use"])?;
        self.required(at, "token", "the authentication", Self::string).map(BearerToken::Inline)
    }

    fn oauth2_policy(&mut self, at: &At<'_>, with_endpoints: bool) -> Option<OAuth2Policy> {
        if let Some(reference) = at.get("use") {
            return self.secret(at, &reference).map(OAuth2Policy::Secret);
        }
        self.oauth2(at, with_endpoints).map(|oauth2| OAuth2Policy::Inline(Box::new(oauth2)))
    }

    fn oauth2(&mut self, at: &At<'_>, with_endpoints: bool) -> Option<OAuth2> {
        let properties = [
            "endpoints",
            "authority",
            "grant",
            "client",
            "request",
            "issuers",
            "scopes",
            "audiences",
            "username",
            "password",
            "subject",
            "actor",
            "use",
        ];
        // OpenID Connect finds its endpoints by discovery.
        let properties = if with_endpoints { &properties[..] } else { &properties[1..] };
        let known = self.object(at, "the authentication", properties);
        let authority = self.optional(at, "authority", Self::uri);
        let endpoints = self.optional(at, "endpoints", Self::oauth2_endpoints);
        let grant = self.optional(at, "grant", |reader, at| reader.choice(at, &GRANTS));
        let client = self.optional(at, "client", Self::oauth2_client);
        let encoding = self.optional(at, "request", |reader, at| {
            reader.object(at, "the token request", &["encoding"])?;
            reader.optional(at, "encoding", |reader, at| reader.choice(at, &ENCODINGS))
        });
        let issuers = self.optional(at, "issuers", Self::strings);
        let scopes = self.optional(at, "scopes", Self::strings);
        let audiences = self.optional(at, "audiences", Self::strings);
        let username = self.optional(at, "username", Self::string);
        let password = self.optional(at, "password", Self::string);
        let subject = self.optional(at, "subject", Self::oauth2_token);
        let actor = self.optional(at, "actor", Self::oauth2_token);
        known?;
        Some(OAuth2 {
            authority: authority?,
            endpoints: endpoints?.unwrap_or_default(),
            grant: grant?,
            client: client?,
            encoding: encoding?.flatten().unwrap_or_default(),
            issuers: issuers?.unwrap_or_default(),
            scopes: scopes?.unwrap_or_default(),
            audiences: audiences?.unwrap_or_default(),
            username: username?,
            password: password?,
            subject: subject?,
            actor: actor?,
        })
    }

    fn oauth2_endpoints(&mut self, at: &At<'_>) -> Option<OAuth2Endpoints> {
        let known = self.object(at, "the OAuth 2 endpoints", &["token", "revocation", "introspection"]);
        let token = self.optional(at, "token", Self::text);
        let revocation = self.optional(at, "revocation", Self::text);
        let introspection = self.optional(at, "introspection", Self::text);
        known?;
        let default = OAuth2Endpoints::default();
        Some(OAuth2Endpoints {
            token: token?.unwrap_or(default.token),
            revocation: revocation?.unwrap_or(default.revocation),
            introspection: introspection?.unwrap_or(default.introspection),
        })
    }

    fn oauth2_client(&mut self, at: &At<'_>) -> Option<OAuth2Client> {
        let known = self.object(at, "the OAuth 2 client", &["id", "secret", "assertion", "authentication"]);
        let id = self.optional(at, "id", Self::string);
        let secret = self.optional(at, "secret", Self::string);
        let assertion = self.optional(at, "assertion", Self::string);
        let authentication =
            self.optional(at, "authentication", |reader, at| reader.choice(at, &CLIENT_AUTHENTICATIONS));
        known?;
        Some(OAuth2Client {
            id: id?,
            secret: secret?,
            assertion: assertion?,
            authentication: authentication?.unwrap_or_default(),
        })
    }

    fn oauth2_token(&mut self, at: &At<'_>) -> Option<OAuth2Token> {
        let known = self.object(at, "the token", &["token", "type"]);
        let token = self.required(at, "token", "the token", Self::string);
        let type_ = self.required(at, "type", "the token", Self::string);
        known?;
        Some(OAuth2Token { token: token?, type_: type_? })
    }
}
