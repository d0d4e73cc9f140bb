// SPDX-License-Identifier: Apache-2.0

// Package advice says what may go wrong when a method trains on a data set, and what to do about it: copies and leaks
// in the images, a batch that is large or small for them, more negatives, prototypes or neighbours than there are
// images for. Each piece of advice is a sentence with its remedy. It computes nothing: a survey has counted the images.
package advice

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dataset/survey"
	"github.com/parallax-ssl/parallax/internal/printable"
)

const (
	notable   = 0.01 // the share of a split's images from which what they have in common is worth a warning
	imbalance = 10   // the ratio of the largest to the smallest class from which classes are called unbalanced
)

// OnData returns the advice that holds for every method. The first split of the survey is the one that is trained on.
// size is the side of a view in pixels, and most the share of images that may be unreadable.
func OnData(r *survey.Report, size int, most float64) (all []string) {
	say := func(format string, values ...any) { all = append(all, fmt.Sprintf(format, values...)) }
	for i := range r.Splits {
		onImages(&r.Splits[i], most, say)
	}
	onSize(&r.Splits[0], size, say)
	for _, l := range r.Leaks {
		onLeak(l, r, say)
	}
	if g := r.Conflicts; g.Groups > 0 {
		say("there %s of images with the same pixels and different labels (such as %s): some of the labels are wrong: "+
			"correct them, or remove these images", are(g.Groups, "group", "groups"), names(g.Examples[0]))
	}
	onClasses(r, say)
	return all
}

// OnSource returns the advice on what a path was taken for.
func OnSource(s *dataset.Source) (all []string) {
	if len(s.Classes) > 0 {
		return nil
	}
	for _, l := range s.Facts.LeftOut {
		for _, name := range l.Examples {
			if strings.EqualFold(path.Ext(name), ".csv") {
				return []string{fmt.Sprintf("the images have no labels, and %s lies beside them: if its columns are "+
					"path and label, give that file with --labels", printable.Name(name))}
			}
		}
	}
	return nil
}

// onImages advises on the images of one split.
func onImages(s *survey.Split, most float64, say func(string, ...any)) {
	good := s.Read - s.Bad()
	of := func(n int, is, are string) string { return share(s, n, is, are) }
	if bad := s.Bad(); bad > 0 {
		end := "pretrain leaves them out"
		if all := bad * s.Images / s.Read; dataset.TooMany(all, s.Images, most) {
			end = fmt.Sprintf("pretrain stops when more than %g %% cannot, unless --set data.max_unreadable=SHARE "+
				"allows it",
				100*most)
		}
		say("%s be read (such as %s): %s; repair or remove them", of(bad, "cannot", "cannot"),
			printable.Name(s.Unreadable[0].Examples[0]), end)
	}
	if len(s.Deep) > 0 && !s.Kept {
		n := 0
		for _, t := range s.Deep {
			n += t.Count
		}
		say("%s more than 8-bit RGB (such as %s, %s), which is lost: to keep it, give --channels keep, or --channels "+
			"pages where a file's pages are channels", of(n, "has", "have"), printable.Name(s.Deep[0].Examples[0]),
			s.Deep[0].Name)
	}
	if good == 0 {
		return
	}
	large := func(n int) bool { return float64(n) >= notable*float64(good) }
	if g := s.Copies; large(g.Surplus) {
		say("%s (such as %s): a copy counts twice in training, and as a query it finds itself: keep one of each",
			of(g.Surplus, "is a copy of another", "are copies of others"), names(g.Examples[0]))
	}
	if g := s.Near; large(g.Surplus) {
		say("%s (such as %s): if it is the same picture saved again, keep one of each",
			of(g.Surplus, "looks like another", "look like others"), names(g.Examples[0]))
	}
	if t := s.Constant; t.Count > 0 {
		say("%s of one colour (such as %s), from which nothing can be learnt: remove what is damaged or empty",
			of(t.Count, "is", "are"), printable.Name(t.Examples[0]))
	}
	if t := s.Thin; large(t.Count) {
		say("%s thin, one side %d times the other or more (such as %s), so that a view shows a small part: cut them "+
			"into pieces, or remove them", of(t.Count, "is", "are"), survey.ThinRatio, printable.Name(t.Examples[0]))
	}
	for c, name := range []string{"red", "green", "blue"} {
		if !s.Kept && s.Std[c] < 0.01 && s.Constant.Count < good {
			say("the channel %s%s hardly varies (standard deviation %.4f): look at some images: have they lost their "+
				"contrast?", name, in(s), s.Std[c])
			break
		}
	}
}

// onSize advises on the side of a view.
func onSize(s *survey.Split, size int, say func(string, ...any)) {
	if n := s.Small.Count; 2*n > s.Read-s.Bad() {
		say("%s smaller than a view of %d px and enlarged, which adds time and no detail: give --size %d",
			share(s, n, "is", "are"), size, min(s.Sizes.Median[0], s.Sizes.Median[1]))
	}
}

// onLeak advises on images that two splits share.
func onLeak(l survey.Leak, r *survey.Report, say func(string, ...any)) {
	of := slices.IndexFunc(r.Splits, func(s survey.Split) bool { return s.Name == l.Of })
	first, last := l.Examples[0], l.Examples[len(l.Examples)-1]
	if l.Copies > 0 {
		say("%s a copy in %s (such as %s, which is %s), so that accuracies on %s are too high: remove them from one "+
			"of the two", share(&r.Splits[of], l.Copies, "has", "have"), l.In, printable.Name(first[0]),
			printable.Name(first[1]), l.Of)
	}
	if l.Near > 0 {
		say("%s like one of %s (such as %s and %s): if they are the same pictures, accuracies on %s are too high: "+
			"remove them from one of the two", share(&r.Splits[of], l.Near, "looks", "look"), l.In,
			printable.Name(last[0]), printable.Name(last[1]), l.Of)
	}
}

// onClasses advises on the classes.
func onClasses(r *survey.Report, say func(string, ...any)) {
	train := &r.Splits[0]
	if len(train.Classes) == 0 {
		return
	}
	var single []survey.Tally
	present := present(train)
	for _, c := range present {
		if c.Count == 1 {
			single = append(single, c)
		}
	}
	switch {
	case len(present) == 1:
		say("all images%s have one label, %s: there is nothing to measure against: if it is no class, give "+
			"--labels none", in(train), printable.Name(present[0].Name))
	case len(single) > 0:
		say("%s a single image (such as %s), on which no accuracy can be measured: add images, or check that the "+
			"folders are classes", have(len(single), "class"+in(train), "classes"+in(train)),
			printable.Name(single[0].Name))
	}
	if least, most := extremes(present); len(present) > 1 && most.Count >= imbalance*least.Count {
		say("the classes%s are unbalanced: %s has %s and %s has %s: batches hold few images of the small classes, and "+
			"an accuracy is mostly that of the large ones", in(train), printable.Name(most.Name),
			count(most.Count, "image", "images"), printable.Name(least.Name), count(least.Count, "image", "images"))
	}
	for _, other := range r.Splits[1:] {
		var only, lacks []string
		for i, c := range other.Classes {
			switch {
			case i >= len(train.Classes):
			case c.Count > 0 && train.Classes[i].Count == 0:
				only = append(only, c.Name)
			case c.Count == 0 && train.Classes[i].Count > 0:
				lacks = append(lacks, c.Name)
			}
		}
		if len(only) > 0 {
			say("%s has no image of %s of %s (%s), on which no accuracy can be measured: move some of these images "+
				"to %s, or correct the names", train.Name, count(len(only), "class", "classes"), other.Name,
				names(only), train.Name)
		}
		if len(lacks) > 0 && len(lacks) < len(present) {
			say("%s has no image of %s of %s (%s), on which nothing is measured: move some of these images to %s",
				other.Name, count(len(lacks), "class", "classes"), train.Name, names(lacks), other.Name)
		}
	}
}

// present returns the classes that have images in a split.
func present(s *survey.Split) (all []survey.Tally) {
	for _, c := range s.Classes {
		if c.Count > 0 {
			all = append(all, c)
		}
	}
	return all
}

// extremes returns the smallest and the largest class.
func extremes(classes []survey.Tally) (least, most survey.Tally) {
	for i, c := range classes {
		if i == 0 || c.Count < least.Count {
			least = c
		}
		if i == 0 || c.Count > most.Count {
			most = c
		}
	}
	return least, most
}

// share is the subject of a sentence about n of a split's images, and its verb.
func share(s *survey.Split, n int, is, are string) string {
	if n != 1 {
		is = are
	}
	return fmt.Sprintf("%d of the %d images%s %s", n, s.Read, in(s), is)
}

// in names a split after a noun, if the data has splits.
func in(s *survey.Split) string {
	if s.Name == "" {
		return ""
	}
	return " of " + s.Name
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// are is count with the verb to be before it.
func are(n int, one, more string) string {
	if n == 1 {
		return "is 1 " + one
	}
	return "are " + count(n, one, more)
}

// have is count with the verb to have.
func have(n int, one, more string) string {
	if n == 1 {
		return "1 " + one + " has"
	}
	return fmt.Sprintf("%d %s have", n, more)
}

// names lists the first few names.
func names(all []string) string {
	const most = 3
	text := printable.Names(all[:min(len(all), most)])
	if len(all) > most {
		text += ", ..."
	}
	return strings.TrimSpace(text)
}
