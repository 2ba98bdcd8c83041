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
    let quick = Finite {
        value,
        place: Place(None),
    };
    serde_json::to_string(&quick).map_err(|error| {
        // Again, and more slowly: now it matters where.
        let path = RefCell::default();
        let place = Place(Some(&path));
        match serde_json::to_string(&Finite { value, place }) {
            Ok(_) => PayloadError::from(error),
            Err(source) => PayloadError {
                path: path.into_inner(),
                source,
            },
        }
    })
}

/// The path to what is being serialised, as it is in the JSON: `shapes[1].Circle.radius`. It stays where something
/// fails.
#[derive(Clone, Copy)]
struct Place<'a>(Option<&'a RefCell<String>>);

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl Place<'_> {
    /// Serialises the part that is one step further.
    fn part<T, E>(self, step: Step<'_>, serialize: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.enter(step);
        serialize().inspect(|_| self.back_to(before))
    }

    /// Goes one step further and says how long the path was before.
    fn enter(self, step: Step<'_>) -> usize {
        let Some(path) = self.0 else { return 0 };
        let mut path = path.borrow_mut();
        let before = path.len();
        match step {
            Step::Name(name) if before == 0 => path.push_str(name),
            Step::Name(name) => path.extend([".", name]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        before
    }

    fn back_to(self, length: usize) {
        if let Some(path) = self.0 {
            path.borrow_mut().truncate(length);
        }
    }
}

/// A value, or the serializer it goes to, in which every float must be a number.
struct Finite<'a, T> {
    value: T,
    place: Place<'a>,
}

impl<T: Serialize + ?Sized> Serialize for Finite<'_, &T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Finite {
            value: serializer,
            place: self.place,
        })
    }
}

fn not_a_number<E: ser::Error>(value: impl Display) -> E {
    E::custom(format_args!("{value} is no JSON number"))
}

macro_rules! pass {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.value.$method(value)
        })*
    };
}

type Name = &'static str;

impl<'a, S: Serializer> Serializer for Finite<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'a, S::SerializeSeq>;
    type SerializeTuple = Parts<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'a, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'a, S::SerializeMap>;
    type SerializeStruct = Parts<'a, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'a, S::SerializeStructVariant>;

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
            true => self.value.serialize_f32(value),
            false => Err(not_a_number(value)),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        match value.is_finite() {
            true => self.value.serialize_f64(value),
            false => Err(not_a_number(value)),
        }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.value.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let place = self.place;
        self.value.serialize_some(&Finite { value, place })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.value.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
    ) -> Result<S::Ok, S::Error> {
        self.value.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = self.place;
        self.value
            .serialize_newtype_struct(name, &Finite { value, place })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: Name,
        index: u32,
        variant: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = self.place;
        place.part(Step::Name(variant), || {
            self.value
                .serialize_newtype_variant(name, index, variant, &Finite { value, place })
        })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Parts::of(self.place, self.value.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Parts::of(self.place, self.value.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Parts::of(self.place, self.value.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let parts = self
            .value
            .serialize_tuple_variant(name, index, variant, len);
        Parts::of_variant(self.place, variant, parts)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Parts::of(self.place, self.value.serialize_map(len))
    }

    fn serialize_struct(self, name: Name, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Parts::of(self.place, self.value.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let parts = self
            .value
            .serialize_struct_variant(name, index, variant, len);
        Parts::of_variant(self.place, variant, parts)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.value.collect_str(value)
    }
}

/// What serialises the parts of a list, a map or a struct.
struct Parts<'a, S> {
    parts: S,
    place: Place<'a>,
    /// How long the path is behind them, where that is not before.
    behind: Option<usize>,
    index: usize,
    key: String,
}

impl<'a, S> Parts<'a, S> {
    fn of<E>(place: Place<'a>, parts: Result<S, E>) -> Result<Self, E> {
        Ok(Self {
            parts: parts?,
            place,
            behind: None,
            index: 0,
            key: String::new(),
        })
    }

    fn of_variant<E>(place: Place<'a>, variant: Name, parts: Result<S, E>) -> Result<Self, E> {
        let behind = place.enter(Step::Name(variant));
        Self::of(place, parts).map(|parts| Self {
            behind: Some(behind),
            ..parts
        })
    }

    fn next_index(&mut self) -> usize {
        self.index += 1;
        self.index - 1
    }

    fn end<T, E>(self, end: impl FnOnce(S) -> Result<T, E>) -> Result<T, E> {
        if let Some(behind) = self.behind {
            self.place.back_to(behind);
        }
        end(self.parts)
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident;)*) => {
        $(impl<S: ser::$trait> ser::$trait for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let (place, index) = (self.place, self.next_index());
                place.part(Step::Index(index), || {
                    self.parts.$method(&Finite { value, place })
                })
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.end(S::end)
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)*) => {
        $(impl<S: ser::$trait> ser::$trait for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: Name,
                value: &T,
            ) -> Result<(), S::Error> {
                let place = self.place;
                place.part(Step::Name(key), || {
                    self.parts.serialize_field(key, &Finite { value, place })
                })
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.end(S::end)
            }
        })*
    };
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<S: ser::SerializeMap> ser::SerializeMap for Parts<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        if self.place.0.is_some() {
            let json = serde_json::to_string(key).unwrap_or_default();
            self.key = json.trim_matches('"').to_owned();
        }
        let place = self.place;
        self.parts.serialize_key(&Finite { value: key, place })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let place = self.place;
        place.part(Step::Name(&self.key), || {
            self.parts.serialize_value(&Finite { value, place })
        })
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.end(S::end)
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
    }

    #[derive(Serialize)]
    struct Wrapped<T>(Option<T>);

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
        ] {
            assert_eq!(to_json(&list(shape)).unwrap_err().path, path);
        }
        let maps: Vec<_> = [1.0, f64::NAN]
            .map(|value| BTreeMap::from([(7, Wrapped(Some((0, value))))]))
            .into();
        assert_eq!(to_json(&maps).unwrap_err().path, "[1].7[1]");
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
