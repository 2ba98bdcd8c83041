//! One `on_*` method of a namespace: what it answers, what it takes, and how it is registered.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{
    Attribute, Error, FnArg, ImplItemFn, Receiver, Result, Signature, Type, ext::IdentExt,
    spanned::Spanned,
};

use crate::{
    errors::{all, both},
    event, limits,
};

/// An `on_*` method that may be registered.
pub(crate) struct Handler<'a> {
    method: &'a Ident,
    cfgs: Vec<&'a Attribute>,
    answers: Answers,
    parameters: Parameters<'a>,
}

/// What calls a handler.
enum Answers {
    Connect,
    Disconnect,
    Any,
    Event(String),
}

/// What a handler takes after `&self`.
#[derive(Default)]
struct Parameters<'a> {
    socket: bool,
    values: Vec<&'a Type>,
}

impl<'a> Handler<'a> {
    /// `None` when the method is a helper, which no client can reach.
    pub(crate) fn of(method: &'a ImplItemFn) -> Result<Option<Self>> {
        let Some(suffix) = suffix(method)? else {
            return Ok(None);
        };
        let signature = &method.sig;
        let shape = both(check_shape(signature), Parameters::of(signature));
        let (answers, (_, parameters)) = both(Answers::of(&suffix, method), shape)?;
        let cfgs = method.attrs.iter().filter(|a| a.path().is_ident("cfg"));
        Ok(Some(Self {
            method: &signature.ident,
            cfgs: cfgs.collect(),
            answers,
            parameters,
        }))
    }

    /// The event it answers, unless a `cfg` decides later whether it exists.
    pub(crate) fn certain_event(&self) -> Option<&str> {
        match &self.answers {
            Answers::Event(name) if self.cfgs.is_empty() => Some(name),
            _ => None,
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.method.span()
    }

    /// `let namespace = { …; namespace.on("typing", move |socket, a1| …) };`
    pub(crate) fn registration(&self, self_type: &Type) -> TokenStream {
        let Self { method, cfgs, .. } = self;
        // At the method's name, so that "is not a handler" points there; the locals are invisible to the user's code.
        let at = method.span().resolved_at(Span::mixed_site());
        let (register, event) = self.answers.builder_method(at);
        let clone = clone_of_this(self_type);
        let values = self.parameters.values.iter();
        let types = values.map(|ty| spell_out_self(ty.to_token_stream(), self_type));
        let names: Vec<_> = (1..=types.len())
            .map(|i| format_ident!("a{i}", span = at))
            .collect();
        let (socket, by_reference) = if self.parameters.socket {
            (quote_spanned!(at=> socket), quote_spanned!(at=> &socket,))
        } else {
            (quote_spanned!(at=> _), TokenStream::new())
        };
        quote_spanned! {at=>
            #(#cfgs)*
            let namespace = {
                #clone
                namespace.#register(#event move |#socket: ::fast_app::Socket #(, #names: #types)*| {
                    #clone
                    async move { this.#method(#by_reference #(#names),*).await }
                })
            };
        }
    }
}

impl Answers {
    fn of(suffix: &str, method: &ImplItemFn) -> Result<Self> {
        let ident = &method.sig.ident;
        let Some(name) = event::name_attribute(&method.attrs)? else {
            return Self::by_suffix(suffix, ident.span());
        };
        if matches!(suffix, "connect" | "disconnect" | "any") {
            let message = format!("`{ident}` answers no event that could be renamed");
            return Err(Error::new(name.span(), message));
        }
        Self::event(&name.value(), name.span())
    }

    fn by_suffix(suffix: &str, at: Span) -> Result<Self> {
        match suffix {
            "connect" => Ok(Self::Connect),
            "disconnect" => Ok(Self::Disconnect),
            "any" => Ok(Self::Any),
            event => Self::event(event, at),
        }
    }

    fn event(name: &str, at: Span) -> Result<Self> {
        limits::check_event(name, at)?;
        Ok(Self::Event(name.to_owned()))
    }

    /// The builder's method and what it takes before the handler.
    fn builder_method(&self, at: Span) -> (Ident, TokenStream) {
        let (name, event) = match self {
            Self::Connect => ("on_connect", None),
            Self::Disconnect => ("on_disconnect", None),
            Self::Any => ("on_any", None),
            Self::Event(event) => ("on", Some(event)),
        };
        let event = event.map(|event| quote_spanned!(at=> #event,));
        (Ident::new(name, at), event.unwrap_or_default())
    }
}

impl<'a> Parameters<'a> {
    fn of(signature: &'a Signature) -> Result<Self> {
        let mut parameters = Self::default();
        let types = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(&*parameter.ty),
            FnArg::Receiver(_) => None,
        });
        let added = types.enumerate();
        all(added.map(|(position, ty)| parameters.add(position, ty)))?;
        Ok(parameters)
    }

    fn add(&mut self, position: usize, ty: &'a Type) -> Result<()> {
        match ty {
            Type::Reference(reference) => {
                check_socket(position, reference)?;
                self.socket = true;
            }
            Type::ImplTrait(_) => {
                let message = "a handler has no type parameters: name the type it takes";
                return Err(Error::new_spanned(ty, message));
            }
            _ if is_socket(ty) => {
                let message = "a handler borrows its socket: write `&Socket`";
                return Err(Error::new_spanned(ty, message));
            }
            _ => self.values.push(ty),
        }
        Ok(())
    }
}

fn check_socket(position: usize, reference: &syn::TypeReference) -> Result<()> {
    let message = if position > 0 {
        "only the socket is borrowed, and it comes first: take this by value, or move it behind `&self`"
    } else if reference.mutability.is_some() {
        "a handler borrows its socket without `mut`: write `&Socket`"
    } else {
        return Ok(());
    };
    Err(Error::new_spanned(reference, message))
}

fn is_socket(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|segment| segment.ident == "Socket")
}

/// What follows `on_` in the name of a handler; `None` for a helper.
fn suffix(method: &ImplItemFn) -> Result<Option<String>> {
    let name = method.sig.ident.unraw().to_string();
    let suffix = name.strip_prefix("on_");
    match method.attrs.iter().find(|a| event::is_event(a)) {
        Some(attribute) if suffix.is_none() => {
            let message = "only a handler, whose name starts with `on_`, answers an event";
            Err(Error::new_spanned(attribute, message))
        }
        _ => Ok(suffix.map(str::to_owned)),
    }
}

/// A handler is `async fn on_*(&self, …)`.
fn check_shape(signature: &Signature) -> Result<()> {
    all([
        check_async(signature),
        check_generics(signature),
        check_receiver(signature),
    ])
    .map(drop)
}

fn check_async(signature: &Signature) -> Result<()> {
    match signature.asyncness {
        Some(_) => Ok(()),
        None => {
            let message = "a handler is async: write `async fn`";
            Err(Error::new(signature.fn_token.span, message))
        }
    }
}

fn check_generics(signature: &Signature) -> Result<()> {
    if signature.generics.params.is_empty() {
        return Ok(());
    }
    let message =
        "a handler has no type parameters and no lifetimes of its own: name the types it takes";
    Err(Error::new_spanned(&signature.generics, message))
}

fn check_receiver(signature: &Signature) -> Result<()> {
    match signature.receiver() {
        Some(receiver) if is_plain_reference(receiver) => Ok(()),
        Some(receiver) => {
            let message = "a handler takes `&self`: one value answers many clients at once; keep what changes in the socket's session, the state or behind a lock";
            Err(Error::new_spanned(receiver, message))
        }
        None => {
            let message = "a handler takes `&self` first";
            Err(Error::new(signature.ident.span(), message))
        }
    }
}

fn is_plain_reference(receiver: &Receiver) -> bool {
    receiver.reference.is_some() && receiver.mutability.is_none() && receiver.colon_token.is_none()
}

/// Every handler has its own clone, and every call. Spelled with the type, so that "is not Clone" points at it.
fn clone_of_this(self_type: &Type) -> TokenStream {
    let at = self_type.span().resolved_at(Span::mixed_site());
    quote_spanned!(at=> let this = <#self_type as ::core::clone::Clone>::clone(&this);)
}

/// `Self` is the user's type in the user's impl, but `Namespace` in ours.
fn spell_out_self(tokens: TokenStream, self_type: &Type) -> TokenStream {
    let spelled = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => self_type.to_token_stream(),
        TokenTree::Group(group) => {
            let inside = spell_out_self(group.stream(), self_type);
            let mut spelled = Group::new(group.delimiter(), inside);
            spelled.set_span(group.span());
            TokenTree::Group(spelled).into()
        }
        token => token.into(),
    });
    spelled.collect()
}
