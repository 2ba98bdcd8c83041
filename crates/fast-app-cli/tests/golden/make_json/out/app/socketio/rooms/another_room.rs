pub struct AnotherRoom;
