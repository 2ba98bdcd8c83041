mod modules;
mod socketio;

fn main() {
    println!("hi");
}
