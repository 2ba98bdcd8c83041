//! `#[derive(Event)]`: the name of an event.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Error, LitStr, Result, ext::IdentExt};

use crate::{limits, naming};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let name = name_of(&item)?;
    let ident = &item.ident;
    let (impl_generics, type_generics, where_clause) = item.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::fast_app::Event for #ident #type_generics #where_clause {
            const NAME: &'static str = #name;
        }
    })
}

fn name_of(item: &DeriveInput) -> Result<String> {
    let (name, at) = match name_attribute(&item.attrs)? {
        Some(name) => (name.value(), name.span()),
        None => {
            let type_name = item.ident.unraw().to_string();
            (naming::event_name(&type_name), item.ident.span())
        }
    };
    limits::check_event(&name, at)?;
    Ok(name)
}

/// The name in `#[event(name = "...")]`, which stands on events and on handlers.
pub(crate) fn name_attribute(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|a| is_event(a)) {
        if matches!(attribute.meta, syn::Meta::Path(_)) {
            return Err(Error::new_spanned(
                attribute,
                "write #[event(name = \"...\")]",
            ));
        }
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown option; there is only `name = \"...\"`"));
            }
            if name.is_some() {
                return Err(meta.error("the event already has a name"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(name)
}

pub(crate) fn is_event(attribute: &Attribute) -> bool {
    attribute.path().is_ident("event")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(item: TokenStream) -> String {
        expand(item).expect_err("refused").to_string()
    }

    #[test]
    fn the_expansion_names_the_event() {
        let expansion = expand(quote! { struct UpdateChat { chat: Chat } }).expect("accepted");
        let expected = quote! {
            impl ::fast_app::Event for UpdateChat {
                const NAME: &'static str = "update_chat";
            }
        };
        assert_eq!(expansion.to_string(), expected.to_string());
    }

    #[test]
    fn generics_are_kept() {
        let item = quote! { struct Changed<'a, T: Clone = u8, const N: usize = 1>(&'a [T; N]) where T: Send; };
        let expected = quote! {
            impl<'a, T: Clone, const N: usize> ::fast_app::Event for Changed<'a, T, N> where T: Send {
                const NAME: &'static str = "changed";
            }
        };
        let expansion = expand(item).expect("accepted");
        assert_eq!(expansion.to_string(), expected.to_string());
    }

    #[test]
    fn an_attribute_replaces_the_name() {
        let item = quote! { #[event(name = "newMessage")] enum Connect { A, B } };
        let expansion = expand(item).expect("accepted").to_string();
        assert!(expansion.contains("\"newMessage\""), "{expansion}");
    }

    #[test]
    fn reserved_and_empty_names_are_refused() {
        for item in [
            quote! { struct Connect; },
            quote! { struct ConnectErrorEvent; },
            quote! { #[event(name = "newListener")] struct Fine; },
        ] {
            assert!(refusal(item).contains("reserved by Socket.IO"));
        }
        let empty = quote! { #[event(name = "")] struct Fine; };
        assert_eq!(refusal(empty), "an event name must not be empty");
    }

    #[test]
    fn mistakes_in_the_attribute_are_named() {
        for (item, message) in [
            (
                quote! { #[event] struct A; },
                "write #[event(name = \"...\")]",
            ),
            (
                quote! { #[event(nam = "a")] struct A; },
                "unknown option; there is only `name = \"...\"`",
            ),
            (
                quote! { #[event(name = "a", name = "b")] struct A; },
                "the event already has a name",
            ),
            (
                quote! { #[event(name = 5)] struct A; },
                "expected string literal",
            ),
        ] {
            assert_eq!(refusal(item), message);
        }
    }
}
