// SPDX-License-Identifier: Apache-2.0

package survey

// A Report is what a survey found.
type Report struct {
	Splits []Split `json:"splits"` // in the order in which their sources were given
	Leaks  []Leak  `json:"leaks"`  // for each pair of splits that share images
	// Conflicts are groups of images with the same pixels and different labels, within a split or across splits.
	Conflicts Groups  `json:"conflicts"`
	Seconds   float64 `json:"seconds"` // how long the reading took
}

// A Split is what was found in the images of one split.
type Split struct {
	Name    string  `json:"name"`   // "" if the data has no splits
	Images  int     `json:"images"` // of the split
	Read    int     `json:"read"`   // images that were tried: all of them, or a random sample
	Formats []Tally `json:"formats"`
	Sizes   Sizes   `json:"sizes"`
	// Deep counts the images that 8-bit RGB does not hold, by their channels, depth and pages.
	Deep []Tally `json:"deep,omitempty"`
	// Kept says that images keep their channels and depth. Then Mean and Std are zero, and pixels are looked at as
	// people see them, each channel stretched to its range in the image.
	Kept bool `json:"kept,omitempty"`
	// Grey counts images whose red, green and blue are equal everywhere.
	Grey       int     `json:"grey"`
	Thin       Tally   `json:"thin"`       // one side is at least ThinRatio times the other
	Small      Tally   `json:"small"`      // the shorter side is below Options.Size
	Constant   Tally   `json:"constant"`   // all pixels are equal
	Unreadable []Tally `json:"unreadable"` // by reason
	// Mean and Std are those of red, green and blue, for pixels from 0 to 1; every image counts the same.
	Mean [3]float64 `json:"mean"`
	Std  [3]float64 `json:"std"`
	// Copies are images with the same pixels, Near images that look the same and are no Copies.
	Copies Groups `json:"copies"`
	Near   Groups `json:"near"`
	// Classes count the images of each class, also of those that were not read.
	Classes    []Tally `json:"classes"`
	Unlabelled int     `json:"unlabelled"`
}

// Whole reports whether all images of the split were tried.
func (s *Split) Whole() bool { return s.Read == s.Images }

// Bad returns the number of images that cannot be read, among those that were tried.
func (s *Split) Bad() (n int) {
	for _, t := range s.Unreadable {
		n += t.Count
	}
	return n
}

// A Tally counts images that have something in common, and names the first few.
type Tally struct {
	Name     string   `json:"name,omitempty"`
	Count    int      `json:"count"`
	Examples []string `json:"examples,omitempty"`
}

func (t *Tally) add(name string) {
	if t.Count++; len(t.Examples) < examples {
		t.Examples = append(t.Examples, name)
	}
}

// Sizes are the sizes of the images that could be read, by their pixels.
type Sizes struct {
	Least   [2]int `json:"least"` // width and height
	Median  [2]int `json:"median"`
	Largest [2]int `json:"largest"`
	// Narrowest and Widest are the least and the largest ratio of width to height.
	Narrowest float64 `json:"narrowest"`
	Widest    float64 `json:"widest"`
}

// Equal reports whether all images have the same size.
func (s Sizes) Equal() bool { return s.Least == s.Largest && s.Narrowest == s.Widest }

// Groups are groups of images that belong together.
type Groups struct {
	Groups   int        `json:"groups"`
	Surplus  int        `json:"surplus"`            // images in the groups beyond the first of each
	Examples [][]string `json:"examples,omitempty"` // the names in the first few groups, a few of each
}

// A Leak is a pair of splits of which one holds images of the other.
type Leak struct {
	Of       string      `json:"of"` // the split whose images are counted
	In       string      `json:"in"` // the split in which they are, too
	Copies   int         `json:"copies"`
	Near     int         `json:"near"`               // images that only look like one of the other split
	Examples [][2]string `json:"examples,omitempty"` // an image of Of, and the one in In
}

// examples is how many names a report gives of each kind.
const examples = 3
