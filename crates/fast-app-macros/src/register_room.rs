//! `#[register_room(ChatRoom)]`: read by `#[namespace]`, and moved below it when it stands above.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, ItemImpl, Result, Token, Type, parse_quote, punctuated::Punctuated};

use crate::errors::all;

/// Called only when no `#[namespace]` stands above, since that one takes the attribute away.
pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> Result<TokenStream> {
    let Ok(mut block) = syn::parse2::<ItemImpl>(item.clone()) else {
        let message = "#[register_room] stands on an impl block with #[namespace(\"/\")]";
        return Err(Error::new(Span::call_site(), message));
    };
    if !block.attrs.iter().any(is_namespace) {
        let message =
            "add #[namespace(\"/\")] to this impl block: rooms are registered in a namespace";
        return Err(Error::new(Span::call_site(), message));
    }
    let below = parse_quote!(#[::fast_app::register_room(#arguments)]);
    block.attrs.push(below);
    Ok(block.into_token_stream())
}

/// The rooms of all `#[register_room]` among the attributes of an impl block.
pub(crate) fn rooms(attributes: &[Attribute]) -> Result<Vec<Type>> {
    let listed = attributes
        .iter()
        .filter(|a| is_register_room(a))
        .map(listed);
    Ok(all(listed)?.into_iter().flatten().collect())
}

/// Imports of the attribute under the names it was used by; without them the user's own import would pass for unused,
/// because `#[namespace]` takes the attribute away before the compiler sees it.
pub(crate) fn uses(attributes: &[Attribute]) -> TokenStream {
    let paths = attributes
        .iter()
        .filter(|a| is_register_room(a))
        .map(Attribute::path);
    quote! { #(#[allow(unused_imports)] use #paths as _;)* }
}

fn listed(attribute: &Attribute) -> Result<Punctuated<Type, Token![,]>> {
    let rooms = attribute.parse_args_with(Punctuated::parse_terminated)?;
    if rooms.is_empty() {
        let message = "name a room: #[register_room(ChatRoom)]";
        return Err(Error::new_spanned(attribute, message));
    }
    Ok(rooms)
}

pub(crate) fn is_register_room(attribute: &Attribute) -> bool {
    ends_with(attribute, "register_room")
}

fn is_namespace(attribute: &Attribute) -> bool {
    ends_with(attribute, "namespace")
}

/// Also true of `#[fast_app::register_room]`.
fn ends_with(attribute: &Attribute, name: &str) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_a_namespace_it_moves_below() {
        let item = quote! { #[fast_app::namespace("/")] #[register_room(A)] impl N {} };
        let expected = quote! { #[fast_app::namespace("/")] #[register_room(A)] #[::fast_app::register_room(B, C)] impl N {} };
        let expansion = expand(quote! { B, C }, &item).expect("accepted");
        assert_eq!(expansion.to_string(), expected.to_string());
    }

    #[test]
    fn without_a_namespace_it_is_refused() {
        let refusal = expand(quote! { B }, &quote! { impl N {} }).expect_err("refused");
        assert!(refusal.to_string().starts_with("add #[namespace(\"/\")]"));
        let refusal = expand(quote! { B }, &quote! { struct N; }).expect_err("refused");
        assert!(refusal.to_string().contains("stands on an impl block"));
    }
}
