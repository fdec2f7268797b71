package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The words that sample companies are named with.
var (
	first = []string{"Amber", "Birch", "Cedar", "Cobalt", "Copper", "Coral", "Crescent", "Dune", "Ember", "Fern", "Flint", "Granite", "Harbor", "Hazel",
		"Indigo", "Ivory", "Juniper", "Lark", "Linden", "Maple", "Meadow", "Mossy", "Northern", "Opal", "Orchard", "Pebble", "Quartz", "River", "Saffron",
		"Sage", "Silver", "Summit", "Thistle", "Tidal", "Topaz", "Upland", "Violet", "Willow", "Wren", "Yarrow"}
	second = []string{"Analytics", "Architects", "Bakery", "Books", "Brewing", "Ceramics", "Clinic", "Cycles", "Design", "Electric", "Farms", "Films",
		"Foundry", "Gardens", "Glassworks", "Interiors", "Joinery", "Kitchens", "Labs", "Legal", "Logistics", "Marine", "Media", "Optics", "Outdoors",
		"Pharmacy", "Press", "Records", "Robotics", "Roasters", "School", "Security", "Studio", "Surveying", "Textiles", "Tours", "Translations", "Veterinary"}
	countries = []string{"US", "US", "US", "US", "CA", "GB", "DE", "FR", "NL", "AU"}
	reasons   = []string{"too expensive", "not used enough", "missing a feature", "closing down", "moved to another tool", "project ended"}
)

// companyName is a name for the nth customer; n keeps it unique.
func companyName(random *rand.Rand, n int) string {
	name := first[random.IntN(len(first))] + " " + second[random.IntN(len(second))]
	return fmt.Sprintf("%s %d", name, n+1)
}

// slug is a name as part of an address.
func slug(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "-")) }
