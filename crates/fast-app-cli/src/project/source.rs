//! Rust source, changed by lines, so that everything else in it stays as it was written.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{File, Item, UseTree, spanned::Spanned};

use crate::error::Error;

/// A module that is to be declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module<'a> {
    pub(crate) name: &'a str,
    pub(crate) visibility: Visibility,
    /// The type in it that is to be reachable without it: `pub use chat_room::ChatRoom;`
    pub(crate) export: Option<&'a str>,
}

/// Who sees a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Private,
    Public,
}

/// Declares a module in a source file of this path, if it is not declared there.
pub(crate) fn declare(path: &str, text: &str, module: Module<'_>) -> Result<String, Error> {
    let text = declare_mod(path, text, module)?;
    match module.export {
        Some(export) => declare_use(path, &text, module.name, export),
        None => Ok(text),
    }
}

/// Whether a source file declares a module.
pub(crate) fn declares(path: &str, text: &str, name: &str) -> Result<bool, Error> {
    let file = parse(path, text)?;
    Ok(modules(&file).any(|(declared, ..)| declared == name))
}

/// The words and signs of a source, without comments and literals; nothing if it does not parse.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    flatten(text.parse().unwrap_or_default(), &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(open.to_owned());
                flatten(group.stream(), tokens);
                tokens.push(close.to_owned());
            }
            TokenTree::Ident(word) => tokens.push(word.to_string()),
            TokenTree::Punct(sign) => tokens.push(sign.to_string()),
            // A doc comment is one too.
            TokenTree::Literal(_) => {}
        }
    }
}

fn declare_mod(path: &str, text: &str, module: Module<'_>) -> Result<String, Error> {
    let file = parse(path, text)?;
    let inline = |item: &Item| matches!(item, Item::Mod(it) if it.ident == module.name && it.content.is_some());
    if file.items.iter().any(inline) {
        return Err(Error::Declared {
            path: format!("`mod {}` in {path}", module.name),
        });
    }
    if modules(&file).any(|(name, ..)| name == module.name) {
        return Ok(text.to_owned());
    }
    let visibility = match module.visibility {
        Visibility::Private => "",
        Visibility::Public => "pub ",
    };
    let line = format!("{visibility}mod {};", module.name);
    let known: Vec<_> = modules(&file).collect();
    Ok(insert(text, &line, place(&file, module.name, &known)))
}

fn declare_use(path: &str, text: &str, module: &str, export: &str) -> Result<String, Error> {
    let file = parse(path, text)?;
    let uses: Vec<_> = exports(&file).collect();
    if uses
        .iter()
        .any(|(tree, ..)| exports_type(tree, module, export))
    {
        return Ok(text.to_owned());
    }
    let line = format!("pub use {module}::{export};");
    let known: Vec<_> = uses
        .iter()
        .map(|(tree, first, last)| (first_name(tree), *first, *last))
        .collect();
    let place = match known.is_empty() {
        true => match modules(&file).last() {
            Some((.., last)) => Place::NewGroupAfter(last),
            None => place(&file, module, &[]),
        },
        false => place(&file, module, &known),
    };
    Ok(insert(text, &line, place))
}

fn parse(path: &str, text: &str) -> Result<File, Error> {
    syn::parse_file(text).map_err(|error| Error::Syntax {
        path: path.to_owned(),
        line: error.span().start().line,
        message: error.to_string(),
    })
}

/// The modules that are files of their own: name, first line, last line, counted from 1.
fn modules(file: &File) -> impl Iterator<Item = (String, usize, usize)> {
    file.items.iter().filter_map(|item| match item {
        Item::Mod(it) if it.content.is_none() => {
            Some((it.ident.to_string(), first_line(item), last_line(item)))
        }
        _ => None,
    })
}

/// The `pub use` of a file, with their first and last line.
fn exports(file: &File) -> impl Iterator<Item = (&UseTree, usize, usize)> {
    file.items.iter().filter_map(|item| match item {
        Item::Use(it) if !matches!(it.vis, syn::Visibility::Inherited) => {
            Some((&it.tree, first_line(item), last_line(item)))
        }
        _ => None,
    })
}

fn first_line(item: &Item) -> usize {
    item.span().start().line
}

fn last_line(item: &Item) -> usize {
    item.span().end().line
}

fn first_name(tree: &UseTree) -> String {
    match tree {
        UseTree::Path(path) if path.ident == "self" => first_name(&path.tree),
        UseTree::Path(path) => path.ident.to_string(),
        UseTree::Name(name) => name.ident.to_string(),
        UseTree::Rename(rename) => rename.ident.to_string(),
        UseTree::Glob(_) | UseTree::Group(_) => String::new(),
    }
}

/// Whether `pub use tree` makes `module::name` reachable.
fn exports_type(tree: &UseTree, module: &str, name: &str) -> bool {
    match tree {
        UseTree::Path(path) if path.ident == "self" => exports_type(&path.tree, module, name),
        UseTree::Path(path) => path.ident == module && names(&path.tree, name),
        UseTree::Group(group) => group
            .items
            .iter()
            .any(|tree| exports_type(tree, module, name)),
        _ => false,
    }
}

fn names(tree: &UseTree, name: &str) -> bool {
    match tree {
        UseTree::Name(it) => it.ident == name,
        UseTree::Glob(_) => true,
        UseTree::Group(group) => group.items.iter().any(|tree| names(tree, name)),
        _ => false,
    }
}

/// Where a line goes; lines are counted from 1.
#[derive(Clone, Copy)]
enum Place {
    Before(usize),
    After(usize),
    /// After this line and an empty one.
    NewGroupAfter(usize),
    /// Before this line, with an empty one between.
    NewGroupBefore(usize),
}

/// The place of a name among others of its kind: by the alphabet if those are, else last.
fn place(file: &File, name: &str, known: &[(String, usize, usize)]) -> Place {
    if let Some((.., last)) = known.last() {
        let is_sorted = known.is_sorted_by(|a, b| a.0 <= b.0);
        let follower = known.iter().find(|(other, ..)| other.as_str() > name);
        return match follower {
            Some((_, first, _)) if is_sorted => Place::Before(*first),
            _ => Place::After(*last),
        };
    }
    let is_use = |item: &&Item| matches!(item, Item::Use(_) | Item::ExternCrate(_));
    let uses = file.items.iter().take_while(is_use);
    if let Some(last) = uses.last() {
        return Place::NewGroupAfter(last_line(last));
    }
    let inner = file.attrs.iter().map(|attr| attr.span().end().line).max();
    match (inner, file.items.first()) {
        (Some(line), _) => Place::NewGroupAfter(line),
        (None, Some(item)) => Place::NewGroupBefore(first_line(item)),
        (None, None) => Place::After(usize::MAX),
    }
}

fn insert(text: &str, line: &str, place: Place) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<&str> = text.lines().collect();
    let is_empty = |line: Option<&&str>| line.is_none_or(|line| line.trim().is_empty());
    match place {
        Place::Before(at) => lines.insert(at - 1, line),
        Place::After(at) => lines.insert(at.min(lines.len()), line),
        Place::NewGroupAfter(at) => {
            lines.splice(at..at, ["", line]);
            if at + 2 < lines.len() && !is_empty(lines.get(at + 2)) {
                lines.insert(at + 2, "");
            }
        }
        Place::NewGroupBefore(at) => drop(lines.splice(at - 1..at - 1, [line, ""])),
    }
    lines.join(end) + end
}
