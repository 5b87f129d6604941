//! Events in two forms: as a publisher wrote them, and as JSON with the seq
//! that the room assigned.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{check_levels, object, string};
use super::{EventId, EventName, Key, Origin, RoomName, Seq, User};
use crate::code::Refusal;
use crate::limits;
use crate::time::Millis;

/// An event as its publisher wrote it. `data` is the original text, so that
/// subscribers receive the text byte for byte. For example, the number `1.0` is
/// not changed to `1`.
#[derive(Clone, Debug, Deserialize)]
pub struct NewEvent<'a> {
    pub name: EventName,
    #[serde(borrow)]
    pub data: &'a RawValue,
    pub id: Option<EventId>,
    pub key: Option<Key>,
    pub origin: Option<Origin>,
}

impl<'a> NewEvent<'a> {
    /// Parses an event from a JSON object. Unknown fields are ignored. Fails
    /// with `bad_request` if the event is invalid, and with `too_large` if
    /// `data` exceeds [`limits::DATA_BYTES`].
    pub fn parse(json: &'a str) -> Result<Self, Refusal> {
        let event: Self = object(json)?;
        check_data(event.data)?;
        Ok(event)
    }

    /// Returns the event with other data, which is JSON. Fails with
    /// `bad_request` if the data is not valid JSON, and with `too_large` if the
    /// data exceeds [`limits::DATA_BYTES`].
    pub fn with_data<'b>(&self, data: &'b str) -> Result<NewEvent<'b>, Refusal> {
        let data = serde_json::from_str(data)
            .map_err(|wrong| Refusal::bad_request(format!("`data`: {wrong}")))?;
        check_data(data)?;
        let Self { name, id, key, origin, .. } = self.clone();
        Ok(NewEvent { name, data, id, key, origin })
    }

    /// Returns the event as JSON, in the form in which it is published.
    pub fn json(&self) -> String {
        let (name, data) = (string(self.name.as_str()), self.data.get());
        format!(r#"{{"name":{name},"data":{data}{}}}"#, self.optional_fields())
    }

    /// Returns whether `data` is `null`. An event with a key and `null` as its
    /// `data` removes the key from the state.
    pub fn removes_its_key(&self) -> bool {
        self.data.get() == "null"
    }

    /// Returns the event as JSON, in the form that is stored and sent.
    pub fn text(&self, seq: Seq, at: Millis, from: &User) -> String {
        let (name, data, at, from) =
            (string(self.name.as_str()), self.data.get(), at.get(), string(from.as_str()));
        let optional = self.optional_fields();
        format!(r#"{{"seq":{seq},"name":{name},"data":{data},"at":{at},"from":{from}{optional}}}"#)
    }

    fn optional_fields(&self) -> String {
        let optional = |field: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!(r#","{field}":{}"#, string(value)))
        };
        let id = optional("id", self.id.as_ref().map(EventId::as_str));
        let key = optional("key", self.key.as_ref().map(Key::as_str));
        id + &key + &optional("origin", self.origin.as_ref().map(Origin::as_str))
    }
}

fn check_data(data: &RawValue) -> Result<(), Refusal> {
    let bytes = data.get().len();
    if bytes > limits::DATA_BYTES {
        let message = format!(
            "`data` is {bytes} bytes; an event's data may be at most {} bytes",
            limits::DATA_BYTES
        );
        return Err(Refusal::too_large(message));
    }
    check_levels("data", data.get())
}

/// Returns an iterator over the events of a stored text. If the rest of the
/// text can't be parsed, the last item is `None`.
pub fn split_events(events: &str) -> impl Iterator<Item = Option<&str>> {
    let mut rest = Some(events);
    std::iter::from_fn(move || {
        let text = rest.take().filter(|text| !text.is_empty())?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let Some(Ok(event)) = values.next() else { return Some(None) };
        rest = text.get(values.byte_offset()..).and_then(|rest| rest.strip_prefix(','));
        Some(Some(event.get()))
    })
}

/// Parses the body of a publish over HTTP: one event, or `{"events":[…]}` with
/// 1 to [`limits::EVENTS_IN_A_PUBLISH`] events.
pub fn parse_publish(body: &str) -> Result<Vec<NewEvent<'_>>, Refusal> {
    match batch(body)? {
        Some(events) => each(&events, NewEvent::parse),
        None => Ok(vec![NewEvent::parse(body)?]),
    }
}

/// Parses the body of a publish to several rooms, `{"events":[{"room":…, …}]}`.
/// Returns the room and the text of each event, in the order of the body. Fails
/// if the events are for more than [`limits::ROOMS_IN_A_PUBLISH`] rooms.
pub fn parse_publish_to_rooms(body: &str) -> Result<Vec<(RoomName, &str)>, Refusal> {
    #[derive(Deserialize)]
    struct Addressed {
        room: String,
    }
    let events =
        batch(body)?.ok_or_else(|| Refusal::bad_request(r#"the body must be {"events":[…]}"#))?;
    let addressed = each(&events, |event| {
        NewEvent::parse(event)?;
        let to: Addressed = object(event)?;
        Ok((RoomName::parse(&to.room)?, event))
    })?;
    let mut rooms: Vec<&RoomName> = addressed.iter().map(|(room, _)| room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    if rooms.len() > limits::ROOMS_IN_A_PUBLISH {
        return Err(Refusal::bad_request(format!(
            "{} rooms in one publish; at most {} are allowed",
            rooms.len(),
            limits::ROOMS_IN_A_PUBLISH
        )));
    }
    Ok(addressed)
}

fn batch(body: &str) -> Result<Option<Vec<&str>>, Refusal> {
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        events: Option<&'a RawValue>,
    }
    let batch: Batch = object(body)?;
    let Some(events) = batch.events else { return Ok(None) };
    let events: Vec<&RawValue> = serde_json::from_str(events.get())
        .map_err(|_| Refusal::bad_request("`events` must be an array of events"))?;
    if events.is_empty() || events.len() > limits::EVENTS_IN_A_PUBLISH {
        return Err(Refusal::bad_request(format!(
            "`events` has {} events; a publish must have 1 to {}",
            events.len(),
            limits::EVENTS_IN_A_PUBLISH
        )));
    }
    Ok(Some(events.into_iter().map(RawValue::get).collect()))
}

fn each<'a, T>(
    events: &[&'a str],
    parse: impl Fn(&'a str) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let numbered = events.iter().enumerate();
    numbered
        .map(|(index, event)| {
            parse(event).map_err(|refusal| refusal.about(&format!("events[{index}]")))
        })
        .collect()
}
