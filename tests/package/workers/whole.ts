export { RoomObject, RoomService, default } from "roomcast/worker";
