//! What a layer does not change.

/// Inside `#[async_trait] impl Backend for` a layer with a field `inner`: passes the named methods on as they are.
///
/// The signatures are those that `async_trait` makes of the contract's, so that the inner future is handed on without a box of its own.
macro_rules! pass_on {
    ($($method:ident),* $(,)?) => {
        $($crate::layers::pass_on::pass_on!(@ $method);)*
    };
    (@ name) => {
        fn name(&self) -> &'static str {
            self.inner.name()
        }
    };
    (@ capabilities) => {
        fn capabilities(&self) -> $crate::Capabilities {
            self.inner.capabilities()
        }
    };
    (@ migrate) => { $crate::layers::pass_on::pass_on!(# migrate() -> $crate::Result<$crate::Migration>); };
    (@ watch) => {
        $crate::layers::pass_on::pass_on!(# watch(kind: &'static $crate::Kind) -> $crate::Result<$crate::Watch>);
    };
    (@ ping) => { $crate::layers::pass_on::pass_on!(# ping() -> $crate::Result<$crate::Pong>); };
    (@ stats) => { $crate::layers::pass_on::pass_on!(# stats() -> $crate::Result<$crate::Stats>); };
    (@ close) => { $crate::layers::pass_on::pass_on!(# close() -> $crate::Result<()>); };
    (# $method:ident($($argument:ident: $type:ty)?) -> $answer:ty) => {
        fn $method<'life0, 'async_trait>(
            &'life0 self,
            $($argument: $type,)?
        ) -> std::pin::Pin<Box<dyn Future<Output = $answer> + Send + 'async_trait>>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            self.inner.$method($($argument)?)
        }
    };
}

pub(crate) use pass_on;
