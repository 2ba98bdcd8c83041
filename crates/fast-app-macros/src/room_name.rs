//! `#[derive(RoomName)]`: the key of a room and the parts of its identifier.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result, ext::IdentExt,
    meta::ParseNestedMeta, spanned::Spanned,
};

use crate::{
    errors::{all, both},
    limits, naming,
};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let ((), (naming, parts)) = both(
        refuse_rename_all(&item.attrs),
        both(Naming::of(&item), parts(&item)),
    )?;
    Ok(implementation(&item, &naming, &parts))
}

/// Where a room is: its key and, when it says so, its namespace.
struct Naming {
    key: String,
    namespace: Option<LitStr>,
}

/// One field that is part of the identifier.
struct Part {
    /// As the payload of `join_*` spells it.
    name: String,
    to_string: TokenStream,
}

impl Naming {
    fn of(item: &DeriveInput) -> Result<Self> {
        let (name, namespace) = room_options(&item.attrs)?;
        let (key, at) = match name {
            Some(name) => (name.value(), name.span()),
            None => {
                let type_name = item.ident.unraw().to_string();
                (naming::room_key(&type_name), item.ident.span())
            }
        };
        let path = namespace.as_ref().map_or(Ok(()), |path| {
            limits::check_namespace(&path.value(), path.span())
        });
        both(limits::check_room_key(&key, at), path)?;
        Ok(Self { key, namespace })
    }
}

impl Part {
    fn of(field: &Field, ident: &Ident) -> Result<Self> {
        let name = match serde_name(&field.attrs)? {
            Some(name) => name.value(),
            None => ident.unraw().to_string(),
        };
        // At the type, so that "doesn't implement Display" points there.
        let at = field.ty.span().resolved_at(Span::call_site());
        let to_string = quote_spanned! {at=> ::std::string::ToString::to_string(&self.#ident) };
        Ok(Self { name, to_string })
    }
}

fn implementation(item: &DeriveInput, naming: &Naming, parts: &[Part]) -> TokenStream {
    let ident = &item.ident;
    let (impl_generics, type_generics, where_clause) = item.generics.split_for_impl();
    let key = &naming.key;
    let namespace = match &naming.namespace {
        Some(path) => quote! { ::core::option::Option::Some(#path) },
        None => quote! { ::core::option::Option::None },
    };
    let names = parts.iter().map(|part| &part.name);
    let to_strings = parts.iter().map(|part| &part.to_string);
    quote! {
        impl #impl_generics ::fast_app::RoomName for #ident #type_generics #where_clause {
            const KEY: &'static str = #key;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            const NAMESPACE: ::core::option::Option<&'static str> = #namespace;
            fn identifiers(&self) -> ::std::vec::Vec<::std::string::String> {
                ::std::vec![#(#to_strings),*]
            }
        }
    }
}

fn parts(item: &DeriveInput) -> Result<Vec<Part>> {
    let parts = all(named_fields(item)?.map(part_unless_skipped))?;
    Ok(parts.into_iter().flatten().collect())
}

fn part_unless_skipped(field: &Field) -> Result<Option<Part>> {
    match &field.ident {
        Some(ident) if !is_skipped(&field.attrs)? => Part::of(field, ident).map(Some),
        _ => Ok(None),
    }
}

fn named_fields(item: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    let message = match &item.data {
        Data::Struct(room) => match &room.fields {
            Fields::Named(_) | Fields::Unit => return Ok(room.fields.iter()),
            Fields::Unnamed(_) => {
                "a room's fields have names, which clients send: write `{ chat_id: String }`"
            }
        },
        Data::Enum(_) => "a room is a struct; make one struct for each kind of room",
        Data::Union(_) => "a room is a struct, not a union",
    };
    let at = match &item.data {
        Data::Struct(room) => room.fields.span(),
        Data::Enum(room) => room.enum_token.span(),
        Data::Union(room) => room.union_token.span(),
    };
    Err(Error::new(at, message))
}

/// `name` and `namespace` of `#[room(name = "...", namespace = "...")]` on the type.
fn room_options(attributes: &[Attribute]) -> Result<(Option<LitStr>, Option<LitStr>)> {
    let (mut name, mut namespace) = (None, None);
    for attribute in room_attributes(attributes) {
        attribute.parse_nested_meta(|meta| {
            let option = match &meta.path {
                path if path.is_ident("name") => &mut name,
                path if path.is_ident("namespace") => &mut namespace,
                path if path.is_ident("skip") => {
                    return Err(meta.error("`skip` stands on a field"));
                }
                _ => {
                    let message =
                        "unknown option; there are `name = \"...\"` and `namespace = \"/...\"`";
                    return Err(meta.error(message));
                }
            };
            if option.is_some() {
                return Err(meta.error("this is already set"));
            }
            *option = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok((name, namespace))
}

/// `#[room(skip)]` on a field.
fn is_skipped(attributes: &[Attribute]) -> Result<bool> {
    let mut skipped = false;
    for attribute in room_attributes(attributes) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(meta.error("unknown option; a field has only `skip`"));
            }
            skipped = true;
            Ok(())
        })?;
    }
    Ok(skipped)
}

fn room_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|a| a.path().is_ident("room"))
}

/// Clients would have to send other names than `FIELDS` says.
fn refuse_rename_all(attributes: &[Attribute]) -> Result<()> {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename_all") || meta.path.is_ident("rename_all_fields") {
                let advice =
                    "a room's fields are renamed one by one: #[serde(rename = \"...\")] on each";
                return Err(meta.error(advice));
            }
            skip_option(&meta)
        })?;
    }
    Ok(())
}

/// The name that serde reads a field by: `#[serde(rename = "...")]` or `#[serde(rename(deserialize = "..."))]`.
fn serde_name(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return skip_option(&meta);
            }
            if meta.input.peek(syn::token::Paren) {
                return meta.parse_nested_meta(|side| {
                    let value = side.value()?.parse()?;
                    if side.path.is_ident("deserialize") {
                        name = Some(value);
                    }
                    Ok(())
                });
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(name)
}

/// Steps over `path`, `path = value` or `path(...)`.
fn skip_option(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::token::Paren) {
        let nested;
        syn::parenthesized!(nested in meta.input);
        nested.parse::<TokenStream>()?;
    } else if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expansion(item: TokenStream) -> String {
        expand(item).expect("accepted").to_string()
    }

    fn refusals(item: TokenStream) -> Vec<String> {
        let errors = expand(item).expect_err("refused");
        errors.into_iter().map(|e| e.to_string()).collect()
    }

    #[test]
    fn the_expansion_names_the_room() {
        let item = quote! { struct ChatRoom { chat_id: String } };
        let expected = quote! {
            impl ::fast_app::RoomName for ChatRoom {
                const KEY: &'static str = "chat";
                const FIELDS: &'static [&'static str] = &["chat_id"];
                const NAMESPACE: ::core::option::Option<&'static str> = ::core::option::Option::None;
                fn identifiers(&self) -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![::std::string::ToString::to_string(&self.chat_id)]
                }
            }
        };
        assert_eq!(expansion(item), expected.to_string());
    }

    #[test]
    fn a_unit_struct_has_no_identifiers() {
        let expected = quote! {
            impl ::fast_app::RoomName for LobbyRoom {
                const KEY: &'static str = "lobby";
                const FIELDS: &'static [&'static str] = &[];
                const NAMESPACE: ::core::option::Option<&'static str> = ::core::option::Option::None;
                fn identifiers(&self) -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![]
                }
            }
        };
        assert_eq!(
            expansion(quote! { struct LobbyRoom; }),
            expected.to_string()
        );
    }

    #[test]
    fn options_replace_key_namespace_and_parts() {
        let item = quote! {
            #[room(name = "topic", namespace = "/admin")]
            struct ThreadRoom<T> where T: Display {
                r#type: T,
                #[serde(default, alias = "x", bound(deserialize = "T: Default"), rename = "id")]
                thread_id: u64,
                #[serde(rename(serialize = "s", deserialize = "d"))]
                other: u64,
                #[room(skip)]
                password: Option<String>,
            }
        };
        let expected = quote! {
            impl<T> ::fast_app::RoomName for ThreadRoom<T> where T: Display {
                const KEY: &'static str = "topic";
                const FIELDS: &'static [&'static str] = &["type", "id", "d"];
                const NAMESPACE: ::core::option::Option<&'static str> = ::core::option::Option::Some("/admin");
                fn identifiers(&self) -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![
                        ::std::string::ToString::to_string(&self.r#type),
                        ::std::string::ToString::to_string(&self.thread_id),
                        ::std::string::ToString::to_string(&self.other)
                    ]
                }
            }
        };
        assert_eq!(expansion(item), expected.to_string());
    }

    #[test]
    fn only_structs_with_named_fields_are_rooms() {
        for (item, message) in [
            (quote! { struct ChatRoom(String); }, "fields have names"),
            (quote! { enum ChatRoom { A } }, "one struct for each kind"),
            (quote! { union ChatRoom { a: u8 } }, "not a union"),
        ] {
            let refusals = refusals(item);
            assert!(refusals[0].contains(message), "{refusals:?}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let item = quote! {
            #[room(name = "a|b", namespace = "admin")]
            struct ChatRoom {
                #[room(skp)]
                a: u8,
                #[room(name = "b")]
                b: u8,
            }
        };
        assert_eq!(
            refusals(item),
            [
                "a room's key must not contain `|`, which separates it from the identifier",
                "a namespace starts with `/`: write \"/admin\"",
                "unknown option; a field has only `skip`",
                "unknown option; a field has only `skip`",
            ]
        );
    }

    #[test]
    fn mistakes_in_the_attribute_are_named() {
        for (item, message) in [
            (
                quote! { #[room(skip)] struct A; },
                "`skip` stands on a field",
            ),
            (
                quote! { #[room(nam = "a")] struct A; },
                "unknown option; there are `name = \"...\"` and `namespace = \"/...\"`",
            ),
            (
                quote! { #[room(name = "a", name = "b")] struct A; },
                "this is already set",
            ),
        ] {
            assert_eq!(refusals(item), [message]);
        }
    }

    #[test]
    fn renaming_all_fields_is_refused() {
        let error = expand(quote! {
            #[serde(rename_all = "camelCase")]
            struct ChatRoom {
                chat_id: String,
            }
        });
        let text = error.unwrap_err().to_string();
        assert!(text.contains("renamed one by one"), "{text}");
    }
}
