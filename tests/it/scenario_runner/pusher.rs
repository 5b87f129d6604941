//! Clients and backends of Pusher, as the worker serves them.

use roomcast::auth::Identity;
use roomcast::code::Refusal;
use roomcast::directory;
use roomcast::limits;
use roomcast::protocol::{RoomName, RoomsQuery, User};
use roomcast::pusher::{
    App, Channel, ChannelStats, ChannelsQuery, PusherSocket, Signed, SocketId, Trigger, answer,
    check_presence, room_of_user,
};
use roomcast::room::Answer;
use roomcast::route::{PusherCall, Request, ResponseKind, Route};
use serde_json::{Value, json};

use super::ScenarioRunner;
use super::connection::Rules;

type Answered = Result<(u16, String), Refusal>;

impl ScenarioRunner {
    /// Runs steps that are not in a file, with these apps.
    pub fn with_pusher_apps(apps: &Value, hibernate_between_inputs: bool) -> Self {
        let scenario = json!({ "name": "steps", "pusher_apps": apps, "steps": [] });
        Self::new(&serde_json::from_value(scenario).unwrap(), hibernate_between_inputs)
    }

    /// Returns the frames that a client received since the last call.
    pub fn take_pusher_frames(&mut self, actor: &str) -> Vec<Value> {
        let frames = std::mem::take(self.frames(actor));
        frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect()
    }

    /// Returns the close code of a client's socket, or `None` while it is open.
    pub fn pusher_close_code(&self, actor: &str) -> Option<u16> {
        self.bridges.get(actor).and_then(|bridge| bridge.closed)
    }

    /// Performs the worker's steps before a Pusher socket gets an input.
    pub(super) fn open_pusher(
        &mut self,
        actor: &str,
        path: &str,
        query: &str,
    ) -> Result<(), Refusal> {
        let Route::PusherSocket { key } = self.route(path, query)? else { panic!("{path}") };
        let apps = self.config()?.pusher_apps.clone();
        match apps.connect(&key, query, None) {
            Ok(app) => {
                self.pusher_sockets += 1;
                let id = SocketId::new(self.pusher_sockets, self.elapsed_ms);
                let (rules, effects) = PusherSocket::begin(app, id, self.now());
                self.start_bridge(actor, Rules::Pusher(rules), effects);
                Ok(())
            }
            Err(rejection) => panic!("{rejection:?}"),
        }
    }

    /// Signs a request of a backend, and answers it as the worker does.
    pub(super) fn pusher_request(&mut self, request: &str, body: &str, step: &Value) -> Answered {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let apps = self.config()?.pusher_apps.clone();
        let Route::Pusher { app: id, call } =
            Route::parse(method, path, query, ResponseKind::Body)?
        else {
            panic!("{request}")
        };
        let query = match &step["unsigned"] {
            Value::Bool(true) => query.to_owned(),
            _ => apps
                .with_id(&id)
                .map_or(String::new(), |app| self.signed(app, method, path, query, body)),
        };
        let signed = Signed { method, path, query: &query, body: body.as_bytes() };
        let (app, parameters) = apps.verify(&id, &signed, self.now())?;
        let body = match call {
            PusherCall::Trigger => answer::triggered(&self.trigger(&[Trigger::parse(body, app)?])?),
            PusherCall::TriggerBatch => {
                answer::batch_triggered(&self.trigger(&Trigger::parse_batch(body, app)?)?)
            }
            PusherCall::Channels => {
                let query = ChannelsQuery::parse(&parameters)?;
                let listed = RoomsQuery {
                    prefix: query.room_prefix(app),
                    after: None,
                    limit: limits::LISTED_ROOMS,
                };
                let shards: Vec<String> = Vec::new();
                let mut list = answer::Channels::new(app, query.info);
                list.push(&directory::merge(&shards, &listed)).unwrap();
                answer::channels(&list.finish().0)
            }
            PusherCall::Channel(name) => {
                let channel = Channel::parse(&name)?;
                let info = parameters.info()?;
                info.check(&channel)?;
                let room = channel.room(app)?;
                answer::channel(&[
                    self.stats(ChannelStats::new(channel, info).with_occupied(), &room)?
                ])
            }
            PusherCall::Users { channel } => {
                let channel = Channel::parse(&channel)?;
                check_presence(&channel)?;
                let room = channel.room(app)?;
                answer::users(&self.room_request(&room, Request::Members, "")?).unwrap()
            }
            PusherCall::Terminate { user } => {
                let user = User::parse(&user)?;
                let room = room_of_user(&user, app)?;
                self.room_request(&room, Request::Kick(user), "")?;
                "{}".to_owned()
            }
        };
        Ok((200, body))
    }

    fn signed(&self, app: &App, method: &str, path: &str, query: &str, body: &str) -> String {
        let mut parameters: Vec<String> =
            query.split('&').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        parameters.push(format!("auth_key={}", app.key));
        parameters.push(format!("auth_timestamp={}", self.now().get() / 1_000));
        parameters.push("auth_version=1.0".to_owned());
        if !body.is_empty() {
            parameters.push(format!("body_md5={}", md5(body)));
        }
        parameters.sort();
        let query = parameters.join("&");
        let signature = app.sign(&format!("{method}\n{path}\n{query}"));
        format!("{query}&auth_signature={signature}")
    }

    fn trigger(&mut self, triggers: &[Trigger]) -> Result<Vec<ChannelStats>, Refusal> {
        for (room, body) in Trigger::publishes(triggers) {
            self.room_request(room, Request::Publish, &body)?;
        }
        let mut stats = Vec::new();
        for Trigger { channels, info, .. } in triggers {
            for (channel, room) in channels {
                stats.push(self.stats(ChannelStats::new(channel.clone(), *info), room)?);
            }
        }
        Ok(stats)
    }

    fn stats(&mut self, mut stats: ChannelStats, room: &RoomName) -> Result<ChannelStats, Refusal> {
        if stats.needs_room() {
            stats.read_room(&self.room_request(room, Request::Stats, "")?).unwrap();
        }
        if stats.needs_event() {
            let page = roomcast::protocol::PageQuery::parse("limit=1")?;
            let page = self.room_request(room, Request::Page(page), "")?;
            stats.read_page(&page, self.now()).unwrap();
        }
        Ok(stats)
    }

    fn room_request(
        &mut self,
        room: &RoomName,
        request: Request,
        body: &str,
    ) -> Result<String, Refusal> {
        let sim = self.sim(room.as_str());
        let by = Identity {
            expires_at: None,
            ..sim.identity_with("server", &["subscribe", "publish", "presence", "admin"])
        };
        match sim.request(by, request, body) {
            Answer::Ok { body } | Answer::Created { body } => Ok(body),
            Answer::Accepted | Answer::NoContent => Ok(String::new()),
            Answer::Refused(refusal) => Err(refusal),
        }
    }
}

fn md5(text: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces the JSON string that a frame has as its data by the JSON in it.
pub(super) fn decode_data(frame: &mut Value) {
    if let Some(Ok(data)) = frame["data"].as_str().map(serde_json::from_str) {
        frame["data"] = data;
    }
}
