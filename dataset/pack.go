// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// A pack stands for the data set that was packed: it has the same kind, names, sizes, splits and labels, found by the
// same rules, and so the same fingerprint and content. Only where its pixels are others are its fingerprint and content
// others, too. Package dataset/pack writes packs.

// pack is an opened pack and its images, which are the whole's items.
type pack struct {
	*packfile.Pack
	images  []packedImage
	sums    [][32]byte // of each file of the whole's list
	files   [][]int    // of each image: the places in the list of what it was made of
	own     []int      // of each file: the image that was made of it, several if there are some
	decoder *decoder   // of packs with image files, and the memory of released images
	most    Options    // the limits
}

// What pack.own has of a file of which no single image was made.
const (
	ofNone    = -1
	ofSeveral = -2
)

// packedImage is the place of an image in a pack.
type packedImage struct {
	shard  int
	record *packfile.Record
}

// openPack opens the pack in dir, or of its images those below the folder sub.
func openPack(dir, sub string, o Options) (*whole, error) {
	file, err := packfile.Open(dir)
	if err != nil {
		return nil, packError(err)
	}
	p := &pack{Pack: file, decoder: newDecoder(o), most: o}
	w, err := p.whole(dir, sub)
	if err == nil {
		err = p.fits(w, o)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

// packError adds the remedy to the error of a damaged pack.
func packError(err error) error {
	if errors.Is(err, packfile.ErrDamaged) {
		return fmt.Errorf("the pack cannot be used: %w: copy it again, or pack the data again", err)
	}
	return err
}

// whole makes the data set.
func (p *pack) whole(dir, sub string) (*whole, error) {
	d := &p.Data
	w := &whole{kind: Kind(d.Kind), pack: p, close: p.Close, from: string(d.From), noClass: string(d.NoClass),
		classes: plainNames(d.Classes), notes: plainNames(d.Notes)}
	var err error
	if w.identity, err = hex.DecodeString(d.Identity); err != nil {
		return nil, fmt.Errorf("%s: %w", packfile.ManifestFile, err)
	}
	if p.Alters() {
		w.identity = fmt.Appendf(w.identity, "packed as %s, quality %d, size %d", p.As, p.Quality, p.Size)
	}
	for _, l := range d.LeftOut {
		w.skipped = append(w.skipped, LeftOut{l.What, string(l.Reason), l.Count, plainNames(l.Examples)})
	}
	root := string(d.Root)
	if sub != "" {
		if d.Layout != packfile.LayoutFolders {
			return nil, fmt.Errorf("a pack of %s has no folders, and so no folder %s", w.kind, printable.Name(sub))
		}
		root = sub + "/"
	}
	p.list(w, root)
	if len(w.items) == 0 && sub != "" {
		return nil, fmt.Errorf("it has no folder %s with images", printable.Name(sub))
	}
	if err := p.check(w); err != nil {
		return nil, packError(err)
	}
	switch d.Layout {
	case packfile.LayoutFolders:
		if len(w.items) == 0 {
			return nil, errNoImages
		}
		a := &arranger{archive: w.kind != KindFolder, root: root, path: dir,
			read: func(name string) string { return d.Lists[strings.TrimPrefix(name, root)] }}
		for _, it := range w.items {
			a.names = append(a.names, it.name)
		}
		w.arrange, w.folders = a.arrange, a
	case packfile.LayoutGiven:
		w.arrange = w.given(d.Why, d.Without)
	}
	w.image = func(i int) (*augment.Image, error) {
		img, _, err := p.load(w, i, func(n int64) []byte { return make([]byte, n) }, nil)
		return img, err
	}
	w.holdSeen = p.holder(w)
	w.hold = func(i int) (*augment.Image, func(), error) { return w.holdSeen(i, func([]byte) {}) }
	w.measure = p.measure
	if p.As == packfile.Files {
		w.file = func(i int) ([]byte, error) { return p.payload(i, nil) }
		w.describe = func(i int) (augment.Format, int, bool) { return describeFile(p.payload(i, nil)) }
	}
	return w, nil
}

// list sets the items below root, and the files that they were made of.
func (p *pack) list(w *whole, root string) {
	var all []packfile.File
	for shard, s := range p.Opened {
		for k := range s.Records {
			r := &s.Records[k]
			if !strings.HasPrefix(r.Name, root) {
				continue
			}
			p.images = append(p.images, packedImage{shard, r})
			w.items = append(w.items, item{name: r.Name, split: r.Split, rel: r.Name[r.Rel:], size: r.Size,
				label: r.Label})
			all = append(all, r.Files...)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b packfile.File) int { return strings.Compare(a.Name, b.Name) })
	all = slices.CompactFunc(all, func(a, b packfile.File) bool { return a.Name == b.Name })
	l := &listing{kind: w.kind, recorded: func(i int) string { return p.recorded(i) }}
	w.list, p.sums, p.own = l, make([][32]byte, len(all)), make([]int, len(all))
	for i, f := range all {
		l.files = append(l.files, file{f.Name, f.Size, f.Modified})
		p.sums[i], p.own[i] = f.SHA256, ofNone
	}
	p.files = make([][]int, len(p.images))
	for i, at := range p.images {
		for _, f := range at.record.Files {
			place := l.find(f.Name)
			p.files[i] = append(p.files[i], place)
			if p.own[place] == ofNone {
				p.own[place] = i
			} else {
				p.own[place] = ofSeveral
			}
		}
	}
	w.files = func(i int) []int { return p.files[i] }
}

// check returns an error if the records are not sorted and labelled as those of the data must be.
func (p *pack) check(w *whole) error {
	for i, it := range w.items {
		if it.label >= len(w.classes) {
			return fmt.Errorf("%w: image %s has the label %d of %d", packfile.ErrDamaged, printable.Name(it.name),
				it.label, len(w.classes))
		}
		if i > 0 && p.Data.Layout == packfile.LayoutFolders && w.items[i-1].name >= it.name {
			return fmt.Errorf("%w: image %s follows %s", packfile.ErrDamaged, printable.Name(it.name),
				printable.Name(w.items[i-1].name))
		}
	}
	return nil
}

// fits returns an error if the images were not decoded as o says.
func (p *pack) fits(w *whole, o Options) error {
	if p.As == packfile.Files {
		return nil
	}
	name := func(c string) string { return cmp.Or(c, ChannelsRGB) }
	if was, want := name(p.Channels), name(o.Channels); was != want {
		return fmt.Errorf("the pack holds images that were decoded with --channels %s, not %s: give --channels %s, or "+
			"the images themselves", was, want, was)
	}
	if was := cmp.Or(p.Decoder, DecoderTurbo); w.jpeg() && cmp.Or(o.Decoder, DecoderTurbo) != was {
		return fmt.Errorf("the pack holds images that were decoded by %s, not %s: give the images themselves", was,
			o.Decoder)
	}
	return nil
}

// holder returns the function that hands out images within the budget.
func (p *pack) holder(w *whole) func(i int, see func([]byte)) (*augment.Image, func(), error) {
	return func(i int, see func([]byte)) (*augment.Image, func(), error) {
		r := p.images[i].record
		if r.Kind == packfile.Encoded {
			img, release, err := p.decoder.hold(r.Length, func(buf []byte) ([]byte, error) {
				buf, err := p.payload(i, buf)
				if err == nil {
					see(buf)
				}
				return buf, err
			})
			if err != nil {
				return nil, nil, &ImageError{r.Name, err}
			}
			return img, release, nil
		}
		lease, err := p.most.Budget.Image(r.Length)
		if err != nil {
			lease.Release()
			return nil, nil, &ImageError{r.Name, err}
		}
		var kept *[]byte
		img, give, err := p.load(w, i, func(n int64) []byte {
			kept = p.decoder.pixels.Get().(*[]byte)
			if int64(cap(*kept)) < n {
				*kept = make([]byte, n)
			}
			return (*kept)[:n]
		}, func() { p.decoder.pixels.Put(kept) })
		if err != nil {
			lease.Release()
			return nil, nil, err
		}
		return img, func() { give(); lease.Release() }, nil
	}
}

// load reads image i. The pixels of 8-bit RGB are in the memory that take returns; done is what the caller calls when
// it does not use them any more. Encoded images are decoded.
func (p *pack) load(w *whole, i int, take func(n int64) []byte, done func()) (*augment.Image, func(), error) {
	r := p.images[i].record
	if r.Kind == packfile.Encoded {
		img, err := p.decoder.image(r.Length, func(buf []byte) ([]byte, error) { return p.payload(i, buf) })
		if err != nil {
			return nil, nil, &ImageError{r.Name, err}
		}
		return img, func() {}, nil
	}
	if r.Kind == packfile.Failed {
		return nil, nil, &ImageError{r.Name, errors.New(r.Reason)}
	}
	if r.W*r.H > p.most.MaxPixels {
		return nil, nil, &ImageError{r.Name, fmt.Errorf("%dx%d pixels, more than the limit of %d", r.W, r.H,
			p.most.MaxPixels)}
	}
	b := take(r.Length)
	if err := p.Payload(p.images[i].shard, r, b); err != nil {
		return nil, nil, &ImageError{r.Name, packError(err)}
	}
	if r.Kind == packfile.Pixels {
		return &augment.Image{W: r.W, H: r.H, Pix: b}, done, nil
	}
	img := augment.NewDeep(r.W, r.H, r.C)
	img.Samples = r.Samples
	for k := range img.Deep {
		img.Deep[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
	}
	if done != nil {
		done()
	}
	return img, func() {}, nil
}

// payload reads the file of image i into buf, which it grows as needed.
func (p *pack) payload(i int, buf []byte) ([]byte, error) {
	r := p.images[i].record
	if r.Length > p.most.MaxBytes {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", r.Length, p.most.MaxBytes)
	}
	buf = slices.Grow(buf[:0], int(r.Length))[:r.Length]
	if err := p.Payload(p.images[i].shard, r, buf); err != nil {
		return nil, packError(err)
	}
	return buf, nil
}

// measure is Source.Dimensions.
func (p *pack) measure(i int) (w, h int, bytes int64, err error) {
	r := p.images[i].record
	switch r.Kind {
	case packfile.Failed:
		return 0, 0, -1, &ImageError{r.Name, errors.New(r.Reason)}
	case packfile.Encoded:
		data, err := p.payload(i, nil)
		if err == nil {
			w, h, err = codec.Size(data)
		}
		if err != nil {
			return 0, 0, -1, &ImageError{r.Name, err}
		}
		return w, h, r.Length, nil
	}
	bytes = -1
	if p.Data.Files {
		bytes = r.Size
	}
	return r.W, r.H, bytes, nil
}

// recorded returns the hash of file f of the list, as it was when the pack was made, if what was made of it is whole.
func (p *pack) recorded(f int) string {
	if p.sums[f] == [32]byte{} || !p.intact(f) {
		return ""
	}
	sum := p.sums[f]
	if p.Alters() {
		sum = sha256.Sum256(fmt.Appendf(sum[:], "packed as %s, quality %d, size %d", p.As, p.Quality, p.Size))
	}
	return hex.EncodeToString(sum[:])
}

// intact reports whether the images that were made of file f are as they were written.
func (p *pack) intact(f int) bool {
	buffer := p.decoder.buffers.Get().(*[]byte)
	defer p.decoder.buffers.Put(buffer)
	whole := func(at packedImage) bool {
		*buffer = slices.Grow((*buffer)[:0], int(at.record.Length))[:at.record.Length]
		return p.Payload(at.shard, at.record, *buffer) == nil
	}
	if i := p.own[f]; i >= 0 {
		return whole(p.images[i])
	}
	for i, at := range p.images {
		if slices.Contains(p.files[i], f) && !whole(at) {
			return false
		}
	}
	return true
}

// FileSHA256 returns the hash of the file that image i of a pack was made of, in hexadecimal; "" if the source is no
// pack, or the image was no file of its own.
func (s *Source) FileSHA256(i int) string {
	if s.whole.pack == nil {
		return ""
	}
	for _, f := range s.whole.pack.images[s.Dataset.(*selection).index[i]].record.Files {
		if f.Name == s.Name(i) && f.SHA256 != [32]byte{} {
			return hex.EncodeToString(f.SHA256[:])
		}
	}
	return ""
}

// Packed says what a pack's images are, such as "pixels" or "PNG files, the shorter side at most 96 pixels"; "" if the
// source is no pack.
func (s *Source) Packed() string {
	if s.whole.pack == nil {
		return ""
	}
	m := s.whole.pack.Manifest
	text := map[string]string{packfile.Decoded: "pixels", packfile.Files: "the files as they were",
		packfile.PNG: "PNG files", packfile.JPEG: fmt.Sprintf("JPEG files of quality %d", m.Quality)}[m.As]
	if m.Size > 0 {
		text += fmt.Sprintf(", the shorter side at most %d pixels", m.Size)
	}
	return text
}

// Altered reports whether the source is a pack with other pixels than those of the data that was packed.
func (s *Source) Altered() bool { return s.whole.pack != nil && s.whole.pack.Alters() }

func plainNames(names []filename.Name) []string {
	var all []string
	for _, n := range names {
		all = append(all, string(n))
	}
	return all
}

func jsonNames(names []string) []filename.Name {
	var all []filename.Name
	for _, n := range names {
		all = append(all, filename.Name(n))
	}
	return all
}

// PackData describes the whole data set of the source for a pack of its images. labels is true if the pack is to have
// the source's labels rather than those that the data set's own rules find.
func (s *Source) PackData(path string, labels bool) packfile.Data {
	w := s.whole
	d := packfile.Data{Kind: string(w.kind), Path: filename.Name(filepath.ToSlash(path)), Fingerprint: s.Fingerprint,
		Identity: hex.EncodeToString(w.identity), Files: w.file != nil, Layout: packfile.LayoutFixed,
		Classes: jsonNames(w.classes), From: filename.Name(w.from), NoClass: filename.Name(w.noClass),
		Notes: jsonNames(w.notes)}
	if labels {
		d.Classes, d.From = jsonNames(s.Classes), filename.Name(s.Facts.ClassesFrom)
		d.NoClass = filename.Name(s.Facts.ClassWhy)
	}
	for _, l := range w.skipped {
		d.LeftOut = append(d.LeftOut, packfile.LeftOut{What: l.What, Reason: filename.Name(l.Reason), Count: l.Count,
			Examples: jsonNames(l.Examples)})
	}
	switch {
	case w.folders != nil:
		d.Layout, d.Root = packfile.LayoutFolders, filename.Name(w.folders.root)
		d.Lists = w.folders.listed()
	case w.arrange != nil:
		d.Layout, d.Why, d.Without = packfile.LayoutGiven, w.why[0], w.why[1]
	}
	return d
}

// listed returns the small files that say the splits, by their names below the root.
func (a *arranger) listed() map[string]string {
	found := map[string]string{}
	asking := *a
	asking.read = func(name string) string {
		text := a.read(name)
		if text != "" {
			found[strings.TrimPrefix(name, a.root)] = text
		}
		return text
	}
	_, _ = asking.arrange(SplitAll) // which asks nothing if the split is given
	return found
}

// PackRecord returns what a pack notes of image i beside its pixels: the name, the split and so on. Of the files it
// lacks the hashes. labels is as for [Source.PackData].
func (s *Source) PackRecord(i int, labels bool) packfile.Record {
	w, at := s.whole, s.Dataset.(*selection).index[i]
	it := w.items[at]
	r := packfile.Record{Name: it.name, Split: it.split, Label: it.label, Size: it.size}
	if it.rel != "" && strings.HasSuffix(it.name, it.rel) {
		r.Rel = len(it.name) - len(it.rel)
	}
	if labels {
		r.Label = s.Label(i)
	}
	if w.list == nil {
		return r
	}
	for _, f := range w.files(at) {
		listed := w.list.files[f]
		r.Files = append(r.Files, packfile.File{Name: listed.name, Size: listed.size, Modified: listed.modified})
	}
	return r
}

// File returns the bytes of the file of image i. An image that is no file of its own is an error.
func (s *Source) File(i int) ([]byte, error) {
	at := s.Dataset.(*selection).index[i]
	if s.whole.file == nil {
		return nil, &ImageError{s.whole.items[at].name, fmt.Errorf("the images of %s are no files", s.Kind)}
	}
	data, err := s.whole.file(at)
	if err != nil {
		return nil, &ImageError{s.whole.items[at].name, err}
	}
	return data, nil
}

// SharedSHA256 hashes the files that the source's images and labels were made of, but for the images' own, and returns
// the hashes by name. A file that cannot be read is left out. It first looks at all files whose sizes are from an
// index.
func (s *Source) SharedSHA256(ctx context.Context) (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	if s.whole.list == nil {
		return sums, nil
	}
	if err := s.whole.list.recheck(ctx, s.files()); err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for _, i := range s.Dataset.(*selection).index {
		for _, f := range s.whole.files(i) {
			if s.whole.list.files[f].name != s.whole.items[i].name {
				seen[f] = true
			}
		}
	}
	places := slices.Sorted(maps.Keys(seen))
	c, err := s.content(ctx, places, places)
	for _, f := range c {
		if sum, err := hex.DecodeString(f.SHA256); err == nil && len(sum) == sha256.Size {
			sums[string(f.Name)] = [32]byte(sum)
		}
	}
	return sums, err
}
