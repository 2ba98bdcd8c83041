pub mod socketio {
    pub struct Mine;
}
