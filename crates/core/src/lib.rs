//! The store contract, the declared schema, layers and the domain store of Aquifer
