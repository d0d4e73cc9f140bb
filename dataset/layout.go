// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// An AmbiguousError is a folder or archive that can be understood in several ways. Its text asks which one is meant.
type AmbiguousError struct{ question string }

func (e *AmbiguousError) Error() string { return e.question }

func ambiguous(format string, values ...any) error {
	return &AmbiguousError{fmt.Sprintf(format, values...)}
}

// place is where an image lies: its split ("" = none) and its path below the split's folder.
type place struct {
	split, rel string
	out        bool // the image is left out, whatever split is taken
}

// layout says what the folders around image files mean.
type layout struct {
	places []place           // of each image
	splits map[string]string // the folder or the list of each split
	why    string            // why there are these splits, or none
	out    skipped           // what the layout leaves out
	notes  []string
	root   string // the folder of the classes or splits: "" or with a slash at its end
}

// arranger finds the layout of image files.
type arranger struct {
	names   []string                        // of all images, sorted
	archive bool                            // one folder that holds all images is never a class, as in archives
	root    string                          // the folder of the data in the names: "" or with a slash at its end
	path    string                          // how the user names that folder, for PATH:sub in a question
	read    func(name string) (text string) // reads a small file beside the images; "" if there is none
}

// folder is a folder at the top of the data.
type folder struct {
	name   string
	images int
	direct int             // images in the folder itself
	below  map[string]bool // the folders in it
}

// becauseNoName is the usual reason for which there are no splits.
const becauseNoName = "no folder is called like a split"

// arrange finds the layout for the wanted split, as in Options. Unless the split is given, a layout that can be
// understood in several ways is an AmbiguousError.
func (a *arranger) arrange(want string) (*layout, error) {
	l := &layout{places: make([]place, len(a.names)), splits: map[string]string{}}
	l.root = a.unwrap()
	kept := make([]string, 0, len(a.names))
	voc := slices.ContainsFunc(a.names, func(n string) bool { return strings.HasPrefix(n, l.root+vocImages+"/") })
	for i, name := range a.names {
		top, _, _ := strings.Cut(name[len(l.root):], "/")
		if voc && want != SplitNone && slices.Contains(vocMasks, top) {
			l.places[i].out = true
			l.out.count("image", "masks of PASCAL VOC", name)
			continue
		}
		l.places[i].rel = name[len(l.root):]
		kept = append(kept, l.places[i].rel)
	}
	if want != SplitNone {
		if err := a.doubts(l, kept); err != nil && want == "" {
			return nil, err
		} else if err != nil {
			l.notes = append(l.notes, err.Error())
		}
	}
	if voc && want != SplitNone && a.lists(l) {
		return l, nil
	}
	tops, loose := tops(kept)
	splits, err := a.split(l, tops, loose, want)
	if err != nil {
		return nil, err
	}
	if len(splits) == 0 && want == "" {
		if err := a.inner(l, kept); err != nil {
			return nil, err
		}
	}
	return l, a.place(l, splits, want)
}

// unwrap returns the folder in which the classes or splits lie: that of the data, or one below it that holds all images
// and is no split.
func (a *arranger) unwrap() string {
	root := a.root
	first, last := a.names[0], a.names[len(a.names)-1]
	for {
		top, rest, ok := strings.Cut(first[len(root):], "/")
		// The names are sorted: what the first and the last one share, all share.
		if !ok || splitOf(top) != "" || !strings.HasPrefix(last, root+top+"/") {
			return root
		}
		inner := root + top + "/"
		deeper := strings.Contains(rest, "/") || slices.ContainsFunc(a.names, func(n string) bool {
			return strings.Contains(n[len(inner):], "/")
		})
		if first := root == a.root; !deeper && !(a.archive && first) {
			return root
		}
		root = inner
	}
}

// tops returns the folders at the top, by name, and the number of images that lie in none.
func tops(names []string) (all []*folder, loose int) {
	var f *folder
	for _, name := range names {
		top, rest, ok := strings.Cut(name, "/")
		if !ok {
			loose++
			continue
		}
		if f == nil || f.name != top {
			// Sorted names keep a folder together.
			f = &folder{name: top, below: map[string]bool{}}
			all = append(all, f)
		}
		f.images++
		if below, _, ok := strings.Cut(rest, "/"); ok {
			f.below[below] = true
		} else {
			f.direct++
		}
	}
	return all, loose
}

// split says which folders at the top are splits.
func (a *arranger) split(l *layout, tops []*folder, loose int, want string) (map[string]*folder, error) {
	if want == SplitNone {
		l.why = "data.split is none"
		return nil, nil
	}
	splits := map[string]*folder{}
	var named, others []*folder
	twice := map[string]bool{}
	for _, f := range tops {
		s := splitOf(f.name)
		if s == "" {
			others = append(others, f)
			continue
		}
		named = append(named, f)
		switch old := splits[s]; {
		case old == nil || f.name == s:
			splits[s] = f
		case old.name == s:
		case want != "" && want != SplitAll && want != s:
			twice[s] = true // the split that is asked for does not depend on it
		default:
			return nil, ambiguous("the folders %s are both called like the split %s: rename or move one away, or give "+
				"one as %s", printable.Names([]string{old.name, f.name}), s, a.sub(l, f.name))
		}
	}
	if len(named) == 0 {
		l.why = becauseNoName
		return nil, nil
	}
	maps.DeleteFunc(splits, func(s string, f *folder) bool { return twice[s] && f.name != s })
	l.why = "by the names of the folders"
	if want != "" {
		l.why = "data.split is " + want
		return splits, nil
	}
	if class, err := a.judge(l, splits, named, others, loose); class || err != nil {
		return nil, err
	}
	return splits, nil
}

// judge decides whether folders that are called like splits are classes (true) or splits, by the folders beside them.
func (a *arranger) judge(l *layout, splits map[string]*folder, named, others []*folder, loose int) (bool, error) {
	train := splits[SplitTrain]
	if train != nil && len(splits) > 1 {
		nested := func(f *folder) bool { return len(f.below) > 0 }
		if len(others) > 2 && !slices.ContainsFunc(named, nested) && !slices.ContainsFunc(others, nested) {
			return false, a.ask(l, named, others)
		}
		return false, nil
	}
	if len(others) == 0 {
		switch {
		case len(splits) > 1:
			return false, ambiguous("the folders %s are called like splits, and none like train: give --split %s, "+
				"--split "+
				"%s, --split all (the images of all), or --split none (no folder is a split: every folder is a class)",
				folderNames(named), splitOf(named[0].name), splitOf(named[1].name))
		case loose > 0 && loose >= named[0].images:
			return false, ambiguous("%d images lie beside the folder %s, which is called like a split: give --split "+
				"%s "+
				"(its %d images alone) or --split none (it is no split: all images)", loose,
				printable.Name(named[0].name), splitOf(named[0].name), named[0].images)
		}
		return false, nil
	}
	// One folder is called like a split, or two without train, among others that are not.
	f := named[0]
	if train != nil && len(f.below) > 0 && f.direct == 0 {
		nested, same := 0, false
		for _, o := range others {
			if len(o.below) > 0 {
				nested++
				same = same || 2*shared(f.below, o.below) >= len(f.below)
			}
		}
		if same || nested == 0 && len(f.below) > 1 {
			return false, nil
		}
	}
	odd := func(f *folder) bool { return len(f.below) > 0 || isNoClass(f.name) }
	if len(named) == 1 && len(others) > 1 && loose == 0 && !odd(f) && !slices.ContainsFunc(others, odd) {
		l.why = fmt.Sprintf("%s is a class, as the folders beside it are no splits", printable.Name(f.name))
		return true, nil
	}
	return false, a.ask(l, named, others)
}

// ask asks what folders are that are called like splits and lie beside others.
func (a *arranger) ask(l *layout, named, others []*folder) error {
	is := "is called like a split, and the folders beside it are not"
	if len(named) > 1 {
		is = "are called like splits, and the folders beside them are not"
	}
	take := splitOf(named[0].name)
	return ambiguous("the folder %s %s (%s): give --split %s (its images alone), --split none (no folder is a split: "+
		"every "+
		"folder is a class), or one folder, as %s", folderNames(named), is, folderNames(others), take,
		a.sub(l, others[0].name))
}

func folderNames(folders []*folder) string {
	var names []string
	for _, f := range folders[:min(len(folders), 6)] {
		names = append(names, f.name)
	}
	text := printable.Names(names)
	if len(folders) > len(names) {
		text += ", ..."
	}
	return text
}

func shared(a, b map[string]bool) (n int) {
	for name := range a {
		if b[name] {
			n++
		}
	}
	return n
}

// sub is how a user gives a folder below the root as the data.
func (a *arranger) sub(l *layout, name string) string {
	return printable.Name(a.path + ":" + l.root + name)
}

// lists takes the splits from PASCAL VOC's lists, files with the name of an image per line, without its ending. It
// returns false if there are none.
func (a *arranger) lists(l *layout) bool {
	of := map[string]string{}
	for _, list := range []struct{ split, file string }{
		{SplitTest, "test.txt"}, {SplitVal, "val.txt"}, {SplitTrain, "trainval.txt"}, {SplitTrain, "train.txt"},
	} {
		if list.file == "trainval.txt" && l.splits[SplitVal] != "" {
			continue // it has the images of both
		}
		name := l.root + "ImageSets/Main/" + list.file
		for line := range strings.Lines(a.read(name)) {
			if fields := strings.Fields(line); len(fields) > 0 {
				of[fields[0]] = list.split
				l.splits[list.split] = name
			}
		}
	}
	taken := map[string]bool{}
	for i := range l.places {
		if rest, ok := strings.CutPrefix(l.places[i].rel, vocImages+"/"); ok && of[stem(rest)] != "" {
			l.places[i].split, l.places[i].rel = of[stem(rest)], rest
			taken[l.places[i].split] = true
		}
	}
	maps.DeleteFunc(l.splits, func(split, _ string) bool { return !taken[split] })
	l.why = "by the lists in ImageSets/Main"
	return len(l.splits) > 0
}

// place puts the images of the splits' folders into the splits. A folder that is the only one in its split and has the
// split's name again, as in train/train, is a part of it.
func (a *arranger) place(l *layout, splits map[string]*folder, want string) error {
	for _, split := range sortedKeys(splits) {
		f := splits[split]
		l.splits[split] = l.root + f.name
		prefix := f.name + "/"
		var inner []string
		for name := range f.below {
			if splitOf(name) != "" {
				inner = append(inner, name)
			}
		}
		slices.Sort(inner)
		switch {
		case len(inner) == 0:
		case len(inner) == 1 && len(f.below) == 1 && f.direct == 0 && splitOf(inner[0]) == split:
			prefix += inner[0] + "/"
		case len(inner) > 1 && want == "":
			return ambiguous("the folder %s, which is called like a split, holds folders called like splits, too "+
				"(%s): "+
				"give %s, or one of them", printable.Name(f.name), printable.Names(inner), a.sub(l, f.name))
		}
		for i := range l.places {
			p := &l.places[i]
			if rest, ok := strings.CutPrefix(p.rel, prefix); ok && !p.out && p.split == "" {
				p.split, p.rel = split, rest
			}
		}
	}
	return nil
}

// doubts asks about pictures that are, by their names, masks or thumbnails of images.
func (a *arranger) doubts(l *layout, names []string) error {
	if images, masks := masked(names); masks != "" {
		if images == "." || strings.HasPrefix(masks, images+"/") {
			return ambiguous("the files in the folder %s are called like images beside that folder: they look like "+
				"masks "+
				"or thumbnails of these: move the folder away, or give --split none to take every picture",
				printable.Name(masks))
		}
		return ambiguous("the files in the folder %s are called like those in %s: they look like masks or "+
			"thumbnails, not "+
			"like more images: give %s, or --split none to take every picture", printable.Name(masks),
			printable.Name(images), a.sub(l, images))
	}
	if n, one, other := paired(names); 10*n >= 3*len(names) {
		return ambiguous("%d of %d images are, by their names, second pictures of images beside them, such as masks "+
			"or "+
			"thumbnails (%s beside %s): move them away, or give --split none to take every picture", n, len(names),
			printable.Name(one), printable.Name(other))
	}
	return nil
}

// inner asks about splits that lie deeper than at the top, and about folders at the top that only resemble splits.
func (a *arranger) inner(l *layout, names []string) error {
	found := map[string]map[string]bool{} // the splits in each folder
	holds := map[string]map[string]bool{} // the folders that are called like them
	like := map[string]bool{}
	last := ""
	for _, name := range names {
		if path.Dir(name) == last {
			continue
		}
		last = path.Dir(name)
		for at, c := range name {
			if c != '/' {
				continue
			}
			parent, base := path.Split(name[:at])
			if parent == "" {
				if s := resembles(base); s != "" {
					like[s] = true
				}
				continue
			}
			s := splitOf(base)
			if s == "" && base == vocImages {
				s = SplitTrain
			}
			if s == "" {
				continue
			}
			if found[parent] == nil {
				found[parent], holds[parent] = map[string]bool{}, map[string]bool{}
			}
			found[parent][s], holds[parent][base] = true, true
		}
	}
	var sets []string
	for _, parent := range sortedKeys(found) {
		if several(found[parent]) || holds[parent][vocImages] {
			sets = append(sets, strings.TrimSuffix(parent, "/"))
		}
	}
	switch {
	case len(sets) == 1:
		return ambiguous("the folder %s in it holds a data set of its own (%s), and there are images outside it: "+
			"give %s, "+
			"or --split none to take every picture", printable.Name(sets[0]),
			printable.Names(sortedKeys(holds[sets[0]+"/"])), a.sub(l, sets[0]))
	case len(sets) > 1:
		return ambiguous("it holds %d data sets, each with folders called like splits (%s): give one of them, as %s, "+
			"or "+
			"--split none to take every picture", len(sets), printable.Names(sets[:min(len(sets), 6)]), a.sub(l,
			sets[0]))
	case several(like):
		var tops []string
		for _, name := range names {
			top, _, ok := strings.Cut(name, "/")
			if ok && resembles(top) != "" && !slices.Contains(tops, top) {
				tops = append(tops, top)
			}
		}
		slices.SortFunc(tops, func(x, y string) int {
			return cmp.Or(-cmp.Compare(resembles(x), resembles(y)), cmp.Compare(x, y)) // train first
		})
		return ambiguous("the folders %s look like splits, but splits are folders called train, val or test: rename "+
			"them, "+
			"give one of them, as %s, or --split none (no folder is a split: every folder is a class)",
			printable.Names(tops[:min(len(tops), 6)]), a.sub(l, tops[0]))
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
