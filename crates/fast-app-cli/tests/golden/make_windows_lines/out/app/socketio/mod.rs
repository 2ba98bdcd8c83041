pub mod rooms;
