// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
)

// selection is a Dataset of some of the images of a whole, with their labels.
type selection struct {
	whole  *whole
	index  []int
	labels []int
}

func (s *selection) Len() int        { return len(s.index) }
func (s *selection) Label(i int) int { return s.labels[i] }

func (s *selection) Image(i int) (*augment.Image, error) {
	img, err := s.whole.image(s.index[i])
	if err == nil {
		err = s.whole.fits(s.index[i], img)
	}
	if err != nil {
		return nil, err
	}
	return img, nil
}

// Hold is Image that keeps its part of the budget, see [Holder].
func (s *Source) Hold(i int) (*augment.Image, func(), error) {
	sel := s.Dataset.(*selection)
	if s.whole.hold == nil {
		img, err := sel.Image(i)
		return img, func() {}, err
	}
	img, release, err := s.whole.hold(sel.index[i])
	if err != nil {
		return nil, nil, err
	}
	if err := s.whole.fits(sel.index[i], img); err != nil {
		release()
		return nil, nil, err
	}
	return img, release, nil
}

// HoldSeen is [Source.Hold] that also shows the bytes of the image's file to see, before they are decoded and only
// during the call. see is not called if the file cannot be read, nor by a source whose images are not files.
func (s *Source) HoldSeen(i int, see func(file []byte)) (*augment.Image, func(), error) {
	if s.whole.holdSeen == nil {
		return s.Hold(i)
	}
	return s.whole.holdSeen(s.Dataset.(*selection).index[i], see)
}

// Select returns another split of s's data set, or s with other labels; both arguments are as in [Options]. It does not
// open the data set again: the result needs no Close, and its images cannot be read after s is closed.
func (s *Source) Select(split, labels string) (*Source, error) { return s.whole.source(split, labels) }

// source takes a split and labels, as in Options.
func (w *whole) source(split, mode string) (*Source, error) {
	l, err := w.layout(split)
	if err != nil {
		return nil, err
	}
	s := &Source{Kind: w.kind, Notes: append(slices.Clip(w.notes), l.notes...), whole: w}
	for _, name := range []string{SplitTrain, SplitVal, SplitTest} {
		f := SplitFacts{Name: name, From: l.splits[name]}
		for _, p := range l.places {
			if p.split == name && !p.out {
				f.Images++
			}
		}
		if f.Images > 0 {
			s.Splits, s.Facts.Splits = append(s.Splits, name), append(s.Facts.Splits, f)
		}
	}
	s.Facts.SplitWhy = l.why
	if s.Split, err = chooseSplit(split, s); err != nil {
		return nil, err
	}
	sel := &selection{whole: w}
	out := append(slices.Clone(w.skipped), l.out...)
	for i, p := range l.places {
		switch {
		case p.out:
		case s.Split == "" || s.Split == SplitAll || p.split == s.Split:
			sel.index = append(sel.index, i)
		case p.split == "":
			out.count("image", "outside the folders of the splits", w.items[i].name)
		}
	}
	s.Facts.LeftOut = out
	s.Notes = append(s.Notes, out.notes()...)
	labels, err := w.label(l, mode, sel.index, s)
	if err != nil {
		return nil, err
	}
	sel.labels = make([]int, len(sel.index))
	for k, i := range sel.index {
		sel.labels[k] = labels[i]
	}
	s.Dataset = sel
	s.names = func(i int) string { return w.items[sel.index[i]].name }
	if w.factors != nil {
		s.factors = func(i int) Factors { return w.factors(sel.index[i]) }
	}
	s.Fingerprint = fingerprint(w, sel, s.Classes)
	return s, nil
}

// layout returns the layout for the wanted split.
func (w *whole) layout(want string) (*layout, error) {
	if w.arrange != nil {
		return w.arrange(want)
	}
	l := &layout{places: make([]place, len(w.items)), why: "as the files of " + string(w.kind) + " say"}
	for i, it := range w.items {
		l.places[i] = place{split: it.split, rel: it.rel}
		if want == SplitNone {
			l.places[i].split, l.why = "", "data.split is none"
		}
	}
	return l, nil
}

// chooseSplit returns the split to take when want is wanted.
func chooseSplit(want string, s *Source) (string, error) {
	switch {
	case want == "" && s.HasSplit(SplitTrain):
		return SplitTrain, nil
	case want == "" && len(s.Splits) == 1:
		return s.Splits[0], nil
	case want == "" || want == SplitNone || want == SplitAll && len(s.Splits) == 0:
		return "", nil
	case want == SplitAll || s.HasSplit(want):
		return want, nil
	case want != SplitTrain && want != SplitVal && want != SplitTest:
		return "", fmt.Errorf("unknown split %q: it must be train, val, test, all or none", want)
	case len(s.Splits) == 0:
		return "", fmt.Errorf("it has no split %s: there are no top-level folders train, val or test", want)
	}
	return "", fmt.Errorf("it has no split %s: its splits are %s", want, strings.Join(s.Splits, ", "))
}

// fingerprint hashes what Source.Fingerprint documents. Labels go in by name, since a number alone means nothing.
func fingerprint(w *whole, sel *selection, classes []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "parallax data 1\n%s\n%x\n%d\n", w.kind, w.identity, len(sel.index))
	var line []byte // "%q %d %q\n" of a million images takes seconds
	for k, i := range sel.index {
		label := ""
		if l := sel.labels[k]; l >= 0 {
			label = classes[l]
		}
		line = append(strconv.AppendQuote(line[:0], w.items[i].name), ' ')
		line = append(strconv.AppendInt(line, w.items[i].size, 10), ' ')
		h.Write(append(strconv.AppendQuote(line, label), '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}
