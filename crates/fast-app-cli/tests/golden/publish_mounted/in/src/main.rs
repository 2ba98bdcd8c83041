fn main() {
    let _ = shop::modules::asgi::socketio::create_socketio_app(Default::default());
}
