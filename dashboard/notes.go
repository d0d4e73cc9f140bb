// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// notesFile is where the notes on a run or a clustering are, in its folder.
const notesFile = "notes.json"

// The bounds of notes.
const (
	mostTags  = 32
	mostTag   = 64       // bytes
	mostNote  = 16 << 10 // bytes
	mostNames = mostGroups
	mostName  = 128     // bytes
	mostBody  = 1 << 20 // bytes of a request
)

// notes are what people add to a run or a clustering.
type notes struct {
	Tags []string `json:"tags,omitempty"`
	Note string   `json:"note,omitempty"`
	// Names are the names of clusters, by their number.
	Names map[int]string `json:"names,omitempty"`
	// Version is another one after each change. It is not in the file.
	Version string `json:"version,omitempty"`
}

func readNotes(f *folder) (n notes, err error) {
	text, err := f.text(notesFile)
	if err != nil {
		return n, err
	}
	err = json.Unmarshal(text, &n)
	if err == nil {
		err = n.check()
	}
	if err != nil {
		return notes{}, failed(http.StatusUnprocessableEntity, "reading %s: %v: mend it or remove it", notesFile, err)
	}
	n.Version = versionOf(text)
	return n, nil
}

// versionOf returns a short name of the text of a file.
func versionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// edit changes the notes of a folder, and returns the new ones. A reader who names the version that was changed learns
// that somebody else has changed it since: nothing is overwritten unseen.
func (s *Server) edit(f *folder, version *string, change func(n *notes)) (notes, error) {
	s.editing.Lock()
	defer s.editing.Unlock()
	n, err := readNotes(f)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if version != nil && *version != n.Version {
		return n, failed(http.StatusConflict, "somebody else has changed the notes since: load the page anew")
	}
	change(&n)
	if err := n.check(); err != nil {
		return n, failed(http.StatusBadRequest, "%v", err)
	}
	return n, n.write(f)
}

// check returns an error for notes that are too long, or hold what is no text.
func (n *notes) check() error {
	if len(n.Tags) > mostTags {
		return fmt.Errorf("%d tags: at most %d are kept", len(n.Tags), mostTags)
	}
	for _, tag := range n.Tags {
		if err := plain("a tag", tag, mostTag, false); err != nil {
			return err
		}
	}
	if len(n.Names) > mostNames {
		return fmt.Errorf("%d names: at most %d are kept", len(n.Names), mostNames)
	}
	for cluster, name := range n.Names {
		if cluster < 0 {
			return fmt.Errorf("a name of cluster %d", cluster)
		}
		if err := plain("a name", name, mostName, false); err != nil {
			return err
		}
	}
	return plain("the note", n.Note, mostNote, true)
}

// plain returns an error unless text is UTF-8 of a bounded length without control characters, those of direction
// included.
func plain(what, text string, longest int, lines bool) error {
	if len(text) > longest {
		return fmt.Errorf("%s has %d bytes: at most %d are kept", what, len(text), longest)
	}
	control := func(r rune) bool {
		turns := r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' // the direction of what follows
		return turns || unicode.IsControl(r) && !(lines && (r == '\n' || r == '\t'))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return fmt.Errorf("%s holds what is no text", what)
	}
	return nil
}

// write replaces the notes of a folder. The file is complete or the old one.
func (n *notes) write(f *folder) error {
	slices.Sort(n.Tags)
	n.Tags, n.Version = slices.Compact(n.Tags), ""
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	at := func(name string) string { return filepath.FromSlash(path.Join(f.at, name)) }
	temporary := at("." + notesFile + "." + rand.Text()) // of this process alone, and no link that was there before
	file, err := f.place.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, f.place.root.Remove(temporary))
	}
	if err := f.place.root.Rename(temporary, at(notesFile)); err != nil {
		return errors.Join(err, f.place.root.Remove(temporary))
	}
	n.Version = versionOf(text)
	return nil
}

// decode reads a request's body, which is one JSON value of a known form.
func decode(r io.Reader, to any) error {
	text, err := io.ReadAll(io.LimitReader(r, mostBody+1))
	if err != nil {
		return failed(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	if len(text) > mostBody {
		return failed(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", mostBody)
	}
	if !utf8.Valid(text) {
		return failed(http.StatusBadRequest, "the body is no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return failed(http.StatusBadRequest, "the body is not the JSON that is wanted: %v", err)
	}
	if d.InputOffset() < int64(len(bytes.TrimRight(text, " \t\r\n"))) {
		return failed(http.StatusBadRequest, "the body goes on after its JSON")
	}
	return nil
}
