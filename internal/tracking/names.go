package tracking

import (
	"fmt"
	"math/rand/v2"
)

var (
	adjectives = []string{"brisk", "calm", "clear", "cloudy", "cool", "crisp", "damp", "dry", "early", "fair", "fresh", "gentle", "gusty", "hazy",
		"light", "mild", "misty", "quiet", "rainy", "sharp", "soft", "still", "sunny", "warm", "wet", "windy"}
	nouns = []string{"autumn", "breeze", "brook", "cloud", "creek", "dawn", "delta", "drop", "dune", "dusk", "fog", "frost", "gale", "lake",
		"marsh", "meadow", "mist", "moss", "pond", "puddle", "rain", "reed", "river", "shower", "sky", "storm", "thaw", "tide", "wave", "willow"}
)

// randomName makes a name of at most 20 characters for a run or model without one: "misty-willow-417".
func randomName() string {
	return fmt.Sprintf("%s-%s-%d", adjectives[rand.IntN(len(adjectives))], nouns[rand.IntN(len(nouns))], rand.IntN(1000))
}
