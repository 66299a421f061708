package chunk

// frozenTable is the SHA-256 of the table, a value a line in hexadecimal; frozenCuts are the cuts of known noise.
const frozenTable = "97e287455c2120e07079b80ede4c03db0efc42de80b2dfedc28429b5bd45f22c"

var frozenCuts = []int{42226, 41450, 50948, 53765, 131072, 104367, 131072, 45100}
