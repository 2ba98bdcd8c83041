pub struct Zoo;
pub struct Lion;
