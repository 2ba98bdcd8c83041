//! `#[namespace("/")]`: from an impl block to a `Namespace`.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{
    Error, ImplItem, ItemImpl, LitStr, Result, Type,
    parse::{ParseStream, Parser},
};

use crate::{
    errors::{all, both},
    event::is_event,
    handler::Handler,
    limits,
    register_room::{is_register_room, rooms, uses},
};

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> Result<TokenStream> {
    let block = impl_block(item)?;
    let outside = both(path.parse2(arguments), rooms(&block.attrs));
    let ((path, rooms), handlers) = both(outside, handlers(&block))?;
    let parts = Parts {
        path,
        handlers,
        rooms,
    };
    let mut expansion = without_ours(item.clone());
    expansion.extend(parts.conversion(&block));
    Ok(expansion)
}

/// The impl block as the user wrote it, without the attributes that only we understand.
pub(crate) fn without_ours(item: TokenStream) -> TokenStream {
    let Ok(mut block) = syn::parse2::<ItemImpl>(item.clone()) else {
        return item;
    };
    block.attrs.retain(|a| !is_register_room(a));
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            method.attrs.retain(|a| !is_event(a));
        }
    }
    block.into_token_stream()
}

/// What a `Namespace` is built of.
struct Parts<'a> {
    path: LitStr,
    handlers: Vec<Handler<'a>>,
    rooms: Vec<Type>,
}

impl Parts<'_> {
    /// `impl From<GlobalNamespace> for Namespace`.
    fn conversion(&self, block: &ItemImpl) -> TokenStream {
        let Self { path, rooms, .. } = self;
        let self_type = &*block.self_ty;
        let (impl_generics, _, where_clause) = block.generics.split_for_impl();
        let cfgs = block.attrs.iter().filter(|a| a.path().is_ident("cfg"));
        let uses = uses(&block.attrs);
        let registrations = self.handlers.iter().map(|h| h.registration(self_type));
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            impl #impl_generics ::core::convert::From<#self_type> for ::fast_app::Namespace #where_clause {
                fn from(this: #self_type) -> Self {
                    #uses
                    let namespace = ::fast_app::Namespace::new(#path);
                    #(#registrations)*
                    #(let namespace = ::fast_app::RegisterRoom::room::<#rooms>(namespace);)*
                    namespace
                }
            }
        }
    }
}

fn impl_block(item: &TokenStream) -> Result<ItemImpl> {
    let block: ItemImpl = match syn::parse2(item.clone())? {
        syn::Item::Impl(block) => block,
        _ => {
            let message = "#[namespace] stands on an impl block: `impl GlobalNamespace { … }`";
            return Err(Error::new(Span::call_site(), message));
        }
    };
    match &block.trait_ {
        Some((_, name, _)) => {
            let message = "#[namespace] stands on an impl block of the type itself, not of a trait";
            Err(Error::new_spanned(name, message))
        }
        None => Ok(block),
    }
}

/// The argument of `#[namespace("/admin")]`; `/` when there is none.
fn path(input: ParseStream<'_>) -> Result<LitStr> {
    if input.is_empty() {
        return Ok(LitStr::new("/", Span::call_site()));
    }
    let path: LitStr = input.parse()?;
    limits::check_namespace(&path.value(), path.span())?;
    Ok(path)
}

fn handlers(block: &ItemImpl) -> Result<Vec<Handler<'_>>> {
    let methods = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Handler::of(method).transpose(),
        _ => None,
    });
    let handlers: Vec<_> = all(methods)?;
    check_twice(&handlers)?;
    Ok(handlers)
}

fn check_twice(handlers: &[Handler<'_>]) -> Result<()> {
    let mut answered = HashSet::new();
    let checks = handlers
        .iter()
        .map(|handler| match handler.certain_event() {
            Some(event) if !answered.insert(event) => {
                let message =
                    format!("the event `{event}` already has a handler in this namespace");
                Err(Error::new(handler.span(), message))
            }
            _ => Ok(()),
        });
    all(checks).map(drop)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn expansion(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, &item).expect("accepted").to_string()
    }

    fn refusals(arguments: TokenStream, item: TokenStream) -> Vec<String> {
        let errors = expand(arguments, &item).expect_err("refused");
        errors.into_iter().map(|e| e.to_string()).collect()
    }

    /// The refusals of one method, in its namespace.
    fn method_refusals(method: TokenStream) -> Vec<String> {
        refusals(quote! {}, quote! { impl N { #method } })
    }

    #[test]
    fn handlers_and_rooms_are_registered_in_their_order() {
        let item = quote! {
            #[doc = "kept"]
            #[register_room(ChatRoom, ThreadRoom)]
            #[fast_app::register_room(LobbyRoom)]
            impl GlobalNamespace {
                const HELP: u8 = 1;
                pub async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), Refused> { body }
                #[cfg(feature = "typing")]
                async fn on_typing(&self, mut data: Data<Self>) {}
                #[event(name = "newMessage")]
                async fn on_message(&self, Data(a): Data<A>, b: Ack) {}
                async fn on_disconnect(&self, socket: &Socket) {}
                async fn on_any(&self) {}
                fn helper(&mut self) {}
            }
        };
        let clone = quote! { let this = <GlobalNamespace as ::core::clone::Clone>::clone(&this); };
        let expected = quote! {
            #[doc = "kept"]
            impl GlobalNamespace {
                const HELP: u8 = 1;
                pub async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), Refused> { body }
                #[cfg(feature = "typing")]
                async fn on_typing(&self, mut data: Data<Self>) {}
                async fn on_message(&self, Data(a): Data<A>, b: Ack) {}
                async fn on_disconnect(&self, socket: &Socket) {}
                async fn on_any(&self) {}
                fn helper(&mut self) {}
            }
            impl ::core::convert::From<GlobalNamespace> for ::fast_app::Namespace {
                fn from(this: GlobalNamespace) -> Self {
                    #[allow(unused_imports)] use register_room as _;
                    #[allow(unused_imports)] use fast_app::register_room as _;
                    let namespace = ::fast_app::Namespace::new("/admin");
                    let namespace = {
                        #clone
                        namespace.on_connect(move |socket: ::fast_app::Socket, a1: Auth| {
                            #clone
                            async move { this.on_connect(&socket, a1).await }
                        })
                    };
                    #[cfg(feature = "typing")]
                    let namespace = {
                        #clone
                        namespace.on("typing", move |_: ::fast_app::Socket, a1: Data<GlobalNamespace>| {
                            #clone
                            async move { this.on_typing(a1).await }
                        })
                    };
                    let namespace = {
                        #clone
                        namespace.on("newMessage", move |_: ::fast_app::Socket, a1: Data<A>, a2: Ack| {
                            #clone
                            async move { this.on_message(a1, a2).await }
                        })
                    };
                    let namespace = {
                        #clone
                        namespace.on_disconnect(move |socket: ::fast_app::Socket| {
                            #clone
                            async move { this.on_disconnect(&socket,).await }
                        })
                    };
                    let namespace = {
                        #clone
                        namespace.on_any(move |_: ::fast_app::Socket| {
                            #clone
                            async move { this.on_any().await }
                        })
                    };
                    let namespace = ::fast_app::RegisterRoom::room::<ChatRoom>(namespace);
                    let namespace = ::fast_app::RegisterRoom::room::<ThreadRoom>(namespace);
                    let namespace = ::fast_app::RegisterRoom::room::<LobbyRoom>(namespace);
                    namespace
                }
            }
        };
        assert_eq!(expansion(quote! { "/admin" }, item), expected.to_string());
    }

    #[test]
    fn an_empty_block_is_a_namespace_at_the_root() {
        let expected = quote! {
            impl<T: Clone> Chats<T> where T: Send {}
            impl<T: Clone> ::core::convert::From<Chats<T> > for ::fast_app::Namespace where T: Send {
                fn from(this: Chats<T>) -> Self {
                    let namespace = ::fast_app::Namespace::new("/");
                    namespace
                }
            }
        };
        let item = quote! { impl<T: Clone> Chats<T> where T: Send {} };
        assert_eq!(expansion(quote! {}, item), expected.to_string());
    }

    #[test]
    fn it_stands_on_an_inherent_impl_only() {
        let refusal = refusals(quote! {}, quote! { struct N; });
        assert!(refusal[0].contains("stands on an impl block"));
        let refusal = refusals(quote! {}, quote! { impl Clone for N {} });
        assert!(refusal[0].contains("not of a trait"));
    }

    #[test]
    fn namespaces_that_the_wire_cannot_carry_are_refused() {
        for arguments in [
            quote! { "admin" },
            quote! { "/a,b" },
            quote! { "/a", "/b" },
            quote! { PATH },
        ] {
            assert_eq!(refusals(arguments, quote! { impl N {} }).len(), 1);
        }
    }

    #[test]
    fn a_handler_of_another_shape_is_refused_in_words() {
        for (method, message) in [
            (
                quote! { fn on_a(&self) {} },
                "a handler is async: write `async fn`",
            ),
            (
                quote! { async fn on_a<T>(&self, data: T) {} },
                "no type parameters and no lifetimes",
            ),
            (
                quote! { async fn on_a(&self, data: impl Copy) {} },
                "no type parameters: name the type",
            ),
            (quote! { async fn on_a(&mut self) {} }, "takes `&self`:"),
            (quote! { async fn on_a(self) {} }, "takes `&self`:"),
            (
                quote! { async fn on_a(self: Arc<Self>) {} },
                "takes `&self`:",
            ),
            (
                quote! { async fn on_a(socket: &Socket) {} },
                "takes `&self` first",
            ),
            (
                quote! { async fn on_a(&self, data: A, socket: &Socket) {} },
                "only the socket is borrowed, and it comes first",
            ),
            (
                quote! { async fn on_a(&self, socket: &mut Socket) {} },
                "without `mut`",
            ),
            (
                quote! { async fn on_a(&self, socket: Socket) {} },
                "borrows its socket: write `&Socket`",
            ),
        ] {
            let refusals = method_refusals(method);
            assert_eq!(refusals.len(), 1, "{refusals:?}");
            assert!(refusals[0].contains(message), "{refusals:?}");
        }
    }

    #[test]
    fn an_event_has_a_name_that_is_free() {
        for (method, message) in [
            (
                quote! { async fn on_connect_error(&self) {} },
                "`connect_error` is reserved",
            ),
            (
                quote! { async fn on_disconnecting(&self) {} },
                "`disconnecting` is reserved",
            ),
            (
                quote! { #[event(name = "connect")] async fn on_a(&self) {} },
                "`connect` is reserved",
            ),
            (quote! { async fn on_(&self) {} }, "must not be empty"),
            (
                quote! { #[event(name = "a")] async fn on_any(&self) {} },
                "answers no event that could be renamed",
            ),
            (
                quote! { #[event(name = "a")] fn helper(&self) {} },
                "only a handler",
            ),
            (
                quote! { async fn on_a(&self) {} #[event(name = "a")] async fn on_b(&self) {} },
                "the event `a` already has a handler",
            ),
        ] {
            let refusals = method_refusals(method);
            assert_eq!(refusals.len(), 1, "{refusals:?}");
            assert!(refusals[0].contains(message), "{refusals:?}");
        }
    }

    #[test]
    fn one_event_may_have_a_handler_for_each_configuration() {
        let item = quote! {
            #[cfg(any(unix, windows))]
            impl N {
                #[cfg(unix)] async fn on_a(&self) {}
                #[cfg(windows)] async fn on_a(&self) {}
            }
        };
        let expansion = expansion(quote! {}, item);
        let conversion =
            quote! { #[cfg(any(unix, windows))] impl ::core::convert::From }.to_string();
        assert!(expansion.contains(&conversion), "{expansion}");
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let item = quote! {
            #[register_room()]
            impl N {
                fn on_connect_error<T>(&mut self, a: &A, b: &B) {}
                async fn on_fine(&self) {}
                async fn on_socket(&self, socket: Socket) {}
            }
        };
        assert_eq!(refusals(quote! { "" }, item).len(), 8);
    }

    #[test]
    fn after_an_error_the_block_stays_without_our_attributes() {
        let item = quote! { #[register_room(A)] impl N { #[event(name = "a")] fn b() {} } };
        let expected = quote! { impl N { fn b() {} } };
        assert_eq!(without_ours(item).to_string(), expected.to_string());
    }
}
