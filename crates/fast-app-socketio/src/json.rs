//! Values as JSON, without what JSON has no word for.
//!
//! serde_json writes `null` for a float that is no number, so that a client would get another value than was sent. Here it
//! is an error, which names the place.

use std::{cell::RefCell, fmt::Display};

use serde::{Serialize, Serializer, ser};

use crate::payload::PayloadError;

/// A value as JSON.
///
/// # Errors
///
/// When the value's `Serialize` fails, or it holds NaN or an infinity; the error has the path to it.
pub fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String, PayloadError> {
    let path = Path::default();
    serde_json::to_string(&Finite(value, &path)).map_err(|source| PayloadError {
        path: path.into_text(),
        source,
    })
}

/// Where the value is that failed, from the inside out: each part that fails adds where it is in its whole.
#[derive(Default)]
struct Path(RefCell<String>);

impl Path {
    fn prepend(&self, part: impl Display) {
        let mut path = self.0.borrow_mut();
        *path = format!("{part}{path}");
    }

    fn into_text(self) -> String {
        let path = self.0.into_inner();
        path.strip_prefix('.').unwrap_or(&path).to_owned()
    }
}

/// A value, or what serialises it, in which every float must be a number.
struct Finite<'p, T>(T, &'p Path);

impl<T: Serialize + ?Sized> Serialize for Finite<'_, &T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Finite(serializer, self.1))
    }
}

/// What serialises the parts of a value, in which every float must be a number.
struct Parts<'p, S> {
    parts: S,
    path: &'p Path,
    /// Of an enum.
    variant: Option<Name>,
    /// How many there were.
    count: usize,
}

impl<'p, S> Parts<'p, S> {
    fn new(path: &'p Path, variant: Option<Name>) -> impl Fn(S) -> Self {
        move |parts| Self {
            parts,
            path,
            variant,
            count: 0,
        }
    }

    /// A part has failed.
    fn failed(&self, part: impl Display) {
        self.path.prepend(part);
        if let Some(variant) = self.variant {
            self.path.prepend(format_args!(".{variant}"));
        }
    }
}

fn not_a_number<E: ser::Error>(value: impl Display) -> E {
    E::custom(format_args!("{value} is no JSON number"))
}

macro_rules! pass {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        })*
    };
}

type Name = &'static str;

impl<'p, S: Serializer> Serializer for Finite<'p, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'p, S::SerializeSeq>;
    type SerializeTuple = Parts<'p, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'p, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'p, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'p, S::SerializeMap>;
    type SerializeStruct = Parts<'p, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'p, S::SerializeStructVariant>;

    pass! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_struct(Name);
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        match value.is_finite() {
            true => self.0.serialize_f32(value),
            false => Err(not_a_number(value)),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        match value.is_finite() {
            true => self.0.serialize_f64(value),
            false => Err(not_a_number(value)),
        }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Finite(value, self.1))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_struct(name, &Finite(value, self.1))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: Name,
        index: u32,
        variant: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_variant(name, index, variant, &Finite(value, self.1))
            .inspect_err(|_| self.1.prepend(format_args!(".{variant}")))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Parts::new(self.1, None))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Parts::new(self.1, None))
    }

    fn serialize_tuple_struct(
        self,
        name: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0
            .serialize_tuple_struct(name, len)
            .map(Parts::new(self.1, None))
    }

    fn serialize_tuple_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0
            .serialize_tuple_variant(name, index, variant, len)
            .map(Parts::new(self.1, Some(variant)))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Parts::new(self.1, None))
    }

    fn serialize_struct(self, name: Name, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0
            .serialize_struct(name, len)
            .map(Parts::new(self.1, None))
    }

    fn serialize_struct_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0
            .serialize_struct_variant(name, index, variant, len)
            .map(Parts::new(self.1, Some(variant)))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }
}

/// The parts of a list or a tuple, which have a number.
macro_rules! numbered {
    ($($trait:ident: $method:ident;)*) => {
        $(impl<S: ser::$trait> ser::$trait for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let written = self.parts.$method(&Finite(value, self.path));
                let written = written.inspect_err(|_| self.failed(format_args!("[{}]", self.count)));
                self.count += 1;
                written
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.parts.end()
            }
        })*
    };
}

numbered! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// The parts of a struct, which have a name.
macro_rules! named {
    ($($trait:ident)*) => {
        $(impl<S: ser::$trait> ser::$trait for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: Name, value: &T) -> Result<(), S::Error> {
                let written = self.parts.serialize_field(key, &Finite(value, self.path));
                written.inspect_err(|_| self.failed(format_args!(".{key}")))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.parts.end()
            }
        })*
    };
}

named! { SerializeStruct SerializeStructVariant }

impl<S: ser::SerializeMap> ser::SerializeMap for Parts<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.parts.serialize_key(&Finite(key, self.path))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.parts.serialize_value(&Finite(value, self.path))
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), S::Error> {
        self.serialize_key(key)?;
        self.serialize_value(value).inspect_err(|_| {
            let key = serde_json::to_string(key).unwrap_or_default();
            self.failed(format_args!(".{}", key.trim_matches('"')));
        })
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.parts.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(f64),
        Tuple(u8, f32),
        Struct { side: f64, name: &'static str },
        Nested(Vec<BTreeMap<u8, f64>>),
    }

    #[derive(Serialize)]
    struct Everything<'a> {
        small: (i8, u16, char, bool, i128, u128),
        none: Option<u8>,
        some: Option<f64>,
        unit: (),
        shapes: Vec<Shape>,
        map: BTreeMap<String, f64>,
        raw: &'a RawValue,
        bytes: &'a [u8],
    }

    #[test]
    fn values_are_written_as_serde_json_writes_them() {
        let raw = RawValue::from_string("[1.0, 1e+22]".to_owned()).unwrap();
        let everything = Everything {
            small: (-1, 2, 'ž', true, -(1 << 100), 1 << 100),
            none: None,
            some: Some(0.5),
            unit: (),
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(1.0),
                Shape::Tuple(1, 2.5),
                Shape::Struct {
                    side: 3.0,
                    name: "x\"y",
                },
            ],
            map: BTreeMap::from([("k".to_owned(), 1.5)]),
            raw: &raw,
            bytes: b"ab",
        };
        assert_eq!(
            to_json(&everything).unwrap(),
            serde_json::to_string(&everything).unwrap()
        );
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_path() {
        let list = |shape: Shape| BTreeMap::from([("shapes", vec![Shape::Unit, shape])]);
        for (shape, path) in [
            (Shape::Newtype(f64::NAN), "shapes[1].Newtype"),
            (Shape::Tuple(1, f32::INFINITY), "shapes[1].Tuple[1]"),
            (
                Shape::Struct {
                    side: f64::NEG_INFINITY,
                    name: "",
                },
                "shapes[1].Struct.side",
            ),
            (
                Shape::Nested(vec![BTreeMap::new(), BTreeMap::from([(7, f64::NAN)])]),
                "shapes[1].Nested[1].7",
            ),
        ] {
            assert_eq!(to_json(&list(shape)).unwrap_err().path, path);
        }
        let error = to_json(&f64::NAN).unwrap_err();
        assert_eq!(error.to_string(), "payload cannot be serialised");
        assert!(to_json(&Some(f32::NAN)).is_err());
        let error = to_json(&BTreeMap::from([("k", f64::NAN)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "field k of the payload cannot be serialised"
        );
    }
}
