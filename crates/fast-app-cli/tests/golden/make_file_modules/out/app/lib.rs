mod socketio;
