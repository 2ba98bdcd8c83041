use fast_app::Event;

#[derive(Event)]
struct Connect;

#[derive(Event)]
#[event(name = "newListener")]
struct Listening;

#[derive(Event)]
#[event(name = "")]
struct Empty;

#[derive(Event)]
#[event(nam = "chat")]
struct Misspelt;

#[derive(Event)]
#[event]
struct Bare;

fn main() {}
