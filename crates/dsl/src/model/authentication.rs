use super::Uri;

/// How to authenticate at an endpoint, with a reference to `use.authentications` already resolved.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Its name in `use.authentications`, if it was referred to by name.
    pub name: Option<String>,
    /// The policy.
    pub policy: AuthenticationPolicy,
    /// JSON pointer of the property that asks for authentication.
    pub pointer: String,
}

/// An authentication policy. Strings may be `${ ... }` as a whole.
#[derive(Debug, Clone)]
pub enum AuthenticationPolicy {
    /// HTTP basic authentication.
    Basic(Credentials),
    /// A bearer token.
    Bearer(BearerToken),
    /// HTTP digest authentication.
    Digest(Credentials),
    /// OAuth 2.
    OAuth2(OAuth2Policy),
    /// OpenID Connect.
    Oidc(OAuth2Policy),
}

/// A user name and a password.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Written in the definition.
    Inline {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// `use`: the name of a secret that holds them.
    Secret(String),
}

/// A bearer token.
#[derive(Debug, Clone)]
pub enum BearerToken {
    /// Written in the definition.
    Inline(String),
    /// `use`: the name of a secret that holds it.
    Secret(String),
}

/// OAuth 2 or OpenID Connect.
#[derive(Debug, Clone)]
pub enum OAuth2Policy {
    /// Written in the definition.
    Inline(Box<OAuth2>),
    /// `use`: the name of a secret that holds it.
    Secret(String),
}

/// How to get a token.
#[derive(Debug, Clone, Default)]
pub struct OAuth2 {
    /// The authority.
    pub authority: Option<Uri>,
    /// Endpoints of the authority (OAuth 2 only).
    pub endpoints: OAuth2Endpoints,
    /// The grant.
    pub grant: Option<OAuth2Grant>,
    /// The client.
    pub client: Option<OAuth2Client>,
    /// `request.encoding`: how token requests are encoded.
    pub encoding: TokenEncoding,
    /// Issuers whose tokens are accepted; all when empty.
    pub issuers: Vec<String>,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Audiences to ask for.
    pub audiences: Vec<String>,
    /// User name, for the password grant.
    pub username: Option<String>,
    /// Password, for the password grant.
    pub password: Option<String>,
    /// Token of the party on whose behalf the request is made.
    pub subject: Option<OAuth2Token>,
    /// Token of the acting party.
    pub actor: Option<OAuth2Token>,
}

/// Endpoints of an OAuth 2 authority, relative to it.
#[derive(Debug, Clone)]
pub struct OAuth2Endpoints {
    /// `/oauth2/token` by default.
    pub token: String,
    /// `/oauth2/revoke` by default.
    pub revocation: String,
    /// `/oauth2/introspect` by default.
    pub introspection: String,
}

impl Default for OAuth2Endpoints {
    fn default() -> Self {
        Self {
            token: "/oauth2/token".to_owned(),
            revocation: "/oauth2/revoke".to_owned(),
            introspection: "/oauth2/introspect".to_owned(),
        }
    }
}

/// An OAuth 2 grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuth2Grant {
    /// `authorization_code`.
    AuthorizationCode,
    /// `client_credentials`.
    ClientCredentials,
    /// `password`.
    Password,
    /// `refresh_token`.
    RefreshToken,
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    TokenExchange,
}

/// An OAuth 2 client.
#[derive(Debug, Clone, Default)]
pub struct OAuth2Client {
    /// Its id.
    pub id: Option<String>,
    /// Its secret.
    pub secret: Option<String>,
    /// A signed JWT in place of the secret.
    pub assertion: Option<String>,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
}

/// How an OAuth 2 client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// `client_secret_basic`.
    ClientSecretBasic,
    /// `client_secret_jwt`.
    ClientSecretJwt,
    /// `client_secret_post`.
    #[default]
    ClientSecretPost,
    /// `private_key_jwt`.
    PrivateKeyJwt,
    /// `none`.
    None,
}

/// How a token request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenEncoding {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
}

/// A token and its type.
#[derive(Debug, Clone)]
pub struct OAuth2Token {
    /// The token.
    pub token: String,
    /// `type`: a URI that names the kind of token.
    pub type_: String,
}
