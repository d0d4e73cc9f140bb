// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A sample of WebDataset is the files of an archive with one name up to the first dot of its last part: an image, and
// files about it (github.com/webdataset/webdataset, "The WebDataset Format"). The endings of those that can be labels,
// the first one that is there counts:
var sampleLabels = []string{".cls", ".json", ".txt"}

const (
	longestLabel = 256     // bytes of the text of a label
	longestJSON  = 1 << 20 // bytes of a file of JSON about an image
)

// sampleKey returns the name of the sample that a file belongs to, and the rest of the file's name.
func sampleKey(name string) (key, rest string) {
	base := len(name) - len(path.Base(name))
	if dot := strings.IndexByte(name[base:], '.'); dot > 0 {
		return name[:base+dot], name[base+dot:]
	}
	return name, ""
}

// isAbout reports whether a file of an archive may have the label of an image, by its name.
func isAbout(name string) bool { return slices.Contains(sampleLabels, path.Ext(name)) }

// samples are the images among the files of a listing, and if they are those of WebDataset, the files with their
// labels.
type samples struct {
	images []int        // places in the listing
	about  []int        // for each image the place of the file with its label, -1 if there is none; nil: no samples
	labels map[int]bool // the places of the files with labels
	text   bool         // the labels are in .txt files, which may be captions
}

// samples finds the samples of WebDataset among the images of an archive at the places images. It takes them for such
// if one of them has a .cls file, or most have a .json or .txt file. Of several images of a sample, such as 1.jpg and
// 1.depth.png, those with a longer ending are left out.
func (l *listing) samples(images []int) samples {
	plain := samples{images: images}
	if l.kind == KindFolder {
		return plain
	}
	s := samples{labels: map[int]bool{}}
	var count [3]int // of images with a file of each ending
	simple := map[string]bool{}
	for _, i := range images {
		key, rest := sampleKey(l.files[i].name)
		if strings.LastIndexByte(rest, '.') == 0 {
			simple[key] = true
		}
	}
	for _, i := range images {
		key, rest := sampleKey(l.files[i].name)
		if simple[key] && strings.LastIndexByte(rest, '.') > 0 {
			continue
		}
		about := -1
		for k, ending := range sampleLabels {
			if at := l.find(key + ending); at >= 0 {
				about = at
				count[k]++
				break
			}
		}
		if about >= 0 {
			s.labels[about] = true
		}
		s.images, s.about = append(s.images, i), append(s.about, about)
	}
	if count[0] == 0 && 2*(count[1]+count[2]) < len(s.images) || len(s.images) == 0 {
		return plain
	}
	s.text = count[2] > count[0]+count[1]
	for k, at := 0, 0; k < len(images); k++ {
		if at < len(s.images) && s.images[at] == images[k] {
			at++
			continue
		}
		l.skipped.count("image", "further images of a sample", l.files[images[k]].name)
	}
	return s
}

// labelSamples takes the labels of the images from the files of their samples.
func (w *whole) labelSamples(s samples) {
	if s.about == nil {
		return
	}
	names := make([]string, len(w.items))
	used := map[string]bool{}
	for i, at := range s.about {
		if at < 0 {
			continue
		}
		if names[i] = w.list.sampleLabel(at); names[i] != "" {
			used[path.Ext(w.list.files[at].name)] = true
		}
	}
	w.from = "samples"
	if len(used) > 0 {
		w.from = "the samples' files " + strings.Join(sortedKeys(used), ", ")
	}
	if s.text && !areLabels(names) {
		w.notes = append(w.notes, "the .txt files of the samples are no labels: most of them differ")
		return
	}
	labels := make([]int, len(w.items))
	w.classes = numberValues(names, labels)
	for i := range w.items {
		w.items[i].label = labels[i]
	}
	image := w.files
	w.files = func(i int) []int {
		if s.about[i] < 0 {
			return image(i)
		}
		return append(slices.Clip(image(i)), s.about[i])
	}
}

// find returns the place of the file called name, or -1.
func (l *listing) find(name string) int {
	i, ok := slices.BinarySearchFunc(l.files, name, func(f file, name string) int {
		return strings.Compare(f.name, name)
	})
	if !ok {
		return -1
	}
	return i
}

// sampleLabel returns the label in the file at place i, "" if there is none: the text of a .cls or .txt file, or the
// text or number in a .json file that is called like a label.
func (l *listing) sampleLabel(i int) string {
	isJSON := path.Ext(l.files[i].name) == ".json"
	limit := int64(longestLabel)
	if isJSON {
		limit = longestJSON
	}
	text, err := l.read(i, nil, limit)
	if err != nil {
		return ""
	}
	if isJSON {
		return jsonLabel(text)
	}
	label := strings.TrimSpace(string(text))
	if !utf8.ValidString(label) || strings.ContainsAny(label, "\r\n\x00") {
		return ""
	}
	return label
}

// jsonLabel returns the label in a JSON object, or a JSON value that is one, as text; "" if there is none.
func jsonLabel(text []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return scalar(text)
	}
	for _, key := range labelColumns {
		if value, ok := fields[key]; ok {
			return scalar(value)
		}
	}
	return ""
}

// scalar returns a JSON text or number as text, "" for anything else.
func scalar(value json.RawMessage) string {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(value, &number) == nil && len(number) <= longestLabel:
		return number.String()
	case json.Unmarshal(value, &text) == nil && len(text) <= longestLabel:
		return text
	}
	return ""
}

// areLabels reports whether names are classes rather than captions: most of the images share theirs.
func areLabels(names []string) bool {
	distinct, all := map[string]bool{}, 0
	for _, name := range names {
		if name != "" {
			distinct[name] = true
			all++
		}
	}
	return all > 0 && 2*len(distinct) <= all
}

// numberValues is number for labels that may all be whole numbers: these are sorted by value, and negative ones mean
// unknown.
func numberValues(names []string, labels []int) []string {
	values := map[string]int{}
	for _, name := range names {
		if name == "" {
			continue
		}
		n, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(n) != name {
			return number(names, labels)
		}
		values[name] = n
	}
	known := make([]int, 0, len(values))
	for _, n := range values {
		if n >= 0 {
			known = append(known, n)
		}
	}
	slices.Sort(known)
	classes := make([]string, len(known))
	for i, n := range known {
		classes[i] = fmt.Sprint(n)
	}
	for i, name := range names {
		labels[i] = -1
		if n, ok := values[name]; ok && n >= 0 {
			labels[i], _ = slices.BinarySearch(known, n)
		}
	}
	return classes
}
