// SPDX-License-Identifier: Apache-2.0

package packfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/filename"
)

// Version is that of the format. A program reads packs of its own version and of older ones.
const Version = 1

// The files of a pack.
const (
	ManifestFile = "parallax-pack.json"
	PlanFile     = "plan.json" // while it is not finished: what it will be
	format       = "parallax pack"
)

// ShardName returns the name of the file of a shard, from 0.
func ShardName(number int) string { return fmt.Sprintf("%05d.shard", number) }

// The forms in which a pack holds images.
const (
	Decoded = "decoded" // pixels
	Files   = "files"   // the image files as they were
	JPEG    = "jpeg"    // new JPEG files
	PNG     = "png"     // new PNG files, which lose nothing
)

// A Manifest says what a pack is.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	ID      string `json:"id"` // of the pack, 32 hexadecimal digits, as in each shard

	As       string `json:"as"`                 // Decoded, Files, JPEG or PNG
	Quality  int    `json:"quality,omitempty"`  // of JPEG
	Size     int    `json:"size,omitempty"`     // larger images were made smaller: their shorter side has this; 0: none
	Channels string `json:"channels,omitempty"` // with which images were decoded, if not as 8-bit RGB
	Decoder  string `json:"decoder,omitempty"`  // of JPEG, with which images were decoded

	Images int     `json:"images"`
	Failed int     `json:"failed"` // of Images
	Shards []Entry `json:"shards"`
	Data   Data    `json:"data"`
	// LeftOut says, for people, what of the data is not in the pack, and why.
	LeftOut []filename.Name `json:"left_out,omitempty"`
	// Digest is the SHA-256 of the manifest's JSON without it, not indented, in this order of the fields.
	Digest string `json:"digest"`
}

// An Entry is a shard in a manifest.
type Entry struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	Images int    `json:"images"`
	SHA256 string `json:"sha256"` // of all bytes before the trailer
}

// Data describes the data set that was packed, so that the pack can stand for it.
type Data struct {
	Kind        string            `json:"kind"`               // as dataset.Kind
	Path        filename.Name     `json:"path"`               // as it was given, for people
	Fingerprint string            `json:"fingerprint"`        // as dataset.Source
	Identity    string            `json:"identity,omitempty"` // hexadecimal: what the fingerprint has of archives
	Files       bool              `json:"files"`              // the images were files
	Layout      string            `json:"layout,omitempty"`   // LayoutFolders, LayoutGiven or LayoutFixed
	Split       string            `json:"split,omitempty"`    // taken unless another one is asked for
	Root        filename.Name     `json:"root,omitempty"`     // the folder of the data in the names
	Lists       map[string]string `json:"lists,omitempty"`    // the content of small files that say the splits
	Why         string            `json:"why,omitempty"`      // of LayoutGiven: where the splits are from
	Without     string            `json:"without,omitempty"`  // of LayoutGiven: why there are none
	Classes     []filename.Name   `json:"classes,omitempty"`
	From        filename.Name     `json:"classes_from,omitempty"`
	NoClass     filename.Name     `json:"no_class,omitempty"` // why there are no labels
	LeftOut     []LeftOut         `json:"left_out,omitempty"`
	Notes       []filename.Name   `json:"notes,omitempty"`
}

// The layouts of data: what says the splits and labels of images.
const (
	LayoutFolders = "folders" // the folders in their names
	LayoutGiven   = "given"   // their records, unless no split is wanted
	LayoutFixed   = "fixed"   // their records
)

// LeftOut is what was left out of the data, as dataset.LeftOut.
type LeftOut struct {
	What     string          `json:"what"`
	Reason   filename.Name   `json:"reason"`
	Count    int             `json:"count"`
	Examples []filename.Name `json:"examples"`
}

// Alters reports whether the pack's pixels are others than those of the data.
func (m *Manifest) Alters() bool { return m.Size > 0 || m.As == JPEG }

// Signed returns the manifest with its format, version and digest.
func (m Manifest) Signed() (Manifest, error) {
	m.Format, m.Version = format, Version
	var err error
	m.Digest, err = m.digest()
	return m, err
}

// Text returns the bytes of the manifest's file.
func (m Manifest) Text() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

func (m Manifest) digest() (string, error) {
	m.Digest = ""
	text, err := json.Marshal(m)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// mostManifest bounds the bytes of a manifest: notes and the names of classes may be many.
const mostManifest = 256 << 20

// Partial is the end of the name of a pack that is not finished.
const Partial = ".partial"

// IsPack reports whether the folder dir is a pack, or one that is not finished.
func IsPack(dir string) bool {
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	return has(ManifestFile) || filepath.Ext(dir) == Partial && has(PlanFile)
}

// ReadManifest reads the manifest of the pack in dir.
func ReadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it has no %s: it is no pack, or one that is not finished (the command that began it "+
			"goes on)", ManifestFile)
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > mostManifest {
		return nil, damaged("%s has %d bytes", ManifestFile, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (*Manifest, error) {
	var head struct {
		Format  string
		Version int
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Format != format {
		return nil, damaged("%s is not that of a pack", ManifestFile)
	}
	if head.Version > Version {
		return nil, fmt.Errorf("a newer Parallax wrote the pack, in format %d: this one reads up to %d", head.Version,
			Version)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, damaged("%s: %v", ManifestFile, err)
	}
	if want, err := m.digest(); err != nil || want != m.Digest {
		return nil, damaged("%s has another digest than it says", ManifestFile)
	}
	if want, err := m.Text(); err != nil || !bytes.Equal(want, text) {
		return nil, damaged("%s is not as it was written", ManifestFile)
	}
	return &m, m.check()
}

func (m *Manifest) check() error {
	images := 0
	for i, s := range m.Shards {
		if s.File != ShardName(i) || s.Images < 0 || s.Bytes < 0 {
			return damaged("%s names the shard %q", ManifestFile, s.File)
		}
		images += s.Images
	}
	if _, err := m.id(); err != nil || images != m.Images {
		return damaged("%s does not fit itself", ManifestFile)
	}
	return nil
}

func (m *Manifest) id() (id ID, err error) {
	b, err := hex.DecodeString(m.ID)
	if err != nil || len(b) != len(id) {
		return id, errors.New("no id")
	}
	return ID(b), nil
}

// A Pack is an opened pack. Reading is safe for concurrent use.
type Pack struct {
	*Manifest
	Dir    string
	Opened []*Shard
	files  []*os.File // nil: opened for each read
}

// mostOpen is how many shards a pack keeps open.
const mostOpen = 128

// Open opens the pack in dir: it reads the manifest and the tables of all shards, and compares their sizes.
func Open(dir string) (*Pack, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	p := &Pack{Manifest: m, Dir: dir}
	for i := range m.Shards {
		s, f, err := m.OpenShard(dir, i)
		if err == nil && len(m.Shards) > mostOpen {
			s.r = again(filepath.Join(dir, m.Shards[i].File))
			err, f = f.Close(), nil
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", m.Shards[i].File, err), p.Close())
		}
		p.Opened, p.files = append(p.Opened, s), append(p.files, f)
	}
	return p, nil
}

// OpenShard opens shard i of the pack in dir, and the file that the caller closes.
func (m *Manifest) OpenShard(dir string, i int) (*Shard, *os.File, error) {
	f, err := os.Open(filepath.Join(dir, m.Shards[i].File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, damaged("it is missing")
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := m.shard(f, i)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return s, f, nil
}

// shard reads the table of shard i, and compares it with its entry.
func (m *Manifest) shard(f *os.File, i int) (*Shard, error) {
	entry := m.Shards[i]
	id, err := m.id()
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != entry.Bytes {
		return nil, damaged("it has %d bytes, and must have %d", info.Size(), entry.Bytes)
	}
	s, err := OpenShard(f, info.Size(), i, id)
	if err != nil {
		return nil, err
	}
	if hex.EncodeToString(s.SHA256[:]) != entry.SHA256 || len(s.Records) != entry.Images {
		return nil, damaged("it is not the shard that %s names", ManifestFile)
	}
	return s, nil
}

// Payload reads what record r of a shard holds into buf, which has its length, and checks it.
func (p *Pack) Payload(shard int, r *Record, buf []byte) error {
	if err := Payload(p.Opened[shard].r, r, buf); err != nil {
		return fmt.Errorf("%s of the pack: %w", ShardName(shard), err)
	}
	return nil
}

// Close closes the pack's files.
func (p *Pack) Close() error {
	var errs []error
	for _, f := range p.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// again is the path of a file that is opened for each read, so that a large pack does not hold thousands of them open.
type again string

func (a again) ReadAt(b []byte, at int64) (int, error) {
	f, err := os.Open(string(a))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(b, at)
}
