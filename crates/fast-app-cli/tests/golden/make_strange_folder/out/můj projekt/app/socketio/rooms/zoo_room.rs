pub struct ZooRoom;
