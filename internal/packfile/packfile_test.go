// SPDX-License-Identifier: Apache-2.0

package packfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// records are images of all kinds, and what each holds.
func records() (all []Record, payloads [][]byte) {
	own := File{Name: "a", Size: 5, Modified: -3, SHA256: [32]byte{1}}
	shared := File{Name: "labels", Size: 7, Modified: 9, SHA256: [32]byte{2}}
	return []Record{
		{Name: "a", Kind: Pixels, W: 2, H: 1, C: 3, Size: 5, Label: -1, Files: []File{own}},
		{Name: "train/b", Rel: 6, Split: "train", Kind: Deep, W: 1, H: 1, C: 2, Samples: "uint16", Label: 3,
			Files: []File{shared}},
		{Name: "c", Kind: Encoded, Split: "test", Label: 0, Files: []File{shared, {Name: "other"}}},
		{Name: "d\xff", Kind: Failed, Reason: "broken", Label: -1},
	}, [][]byte{[]byte("abcdef"), []byte("12345678"), []byte("file"), nil}
}

func shard(t testing.TB) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b, 3, ID{7})
	if err != nil {
		t.Fatal(err)
	}
	all, payloads := records()
	for i := range all {
		if err := w.Add(&all[i], payloads[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestShard: what is written is read, each payload begins at a cache line, and another shard, another pack and a newer
// version are told apart.
func TestShard(t *testing.T) {
	b := shard(t)
	s, err := OpenShard(bytes.NewReader(b), int64(len(b)), 3, ID{7})
	if err != nil {
		t.Fatal(err)
	}
	want, payloads := records()
	for i, r := range s.Records {
		if r.Offset%aligned != 0 && r.Length > 0 {
			t.Errorf("record %d begins at %d", i, r.Offset)
		}
		got := make([]byte, r.Length)
		if err := Payload(bytes.NewReader(b), &r, got); err != nil || !bytes.Equal(got, payloads[i]) {
			t.Errorf("record %d holds %q (%v)", i, got, err)
		}
		r.Offset, r.Length, r.CRC = 0, 0, 0
		if !reflect.DeepEqual(r, want[i]) {
			t.Errorf("read %+v, want %+v", r, want[i])
		}
	}
	if err := s.Verify(context.Background(), nil); err != nil {
		t.Error(err)
	}
	for _, other := range []func() (*Shard, error){
		func() (*Shard, error) { return OpenShard(bytes.NewReader(b), int64(len(b)), 4, ID{7}) },
		func() (*Shard, error) { return OpenShard(bytes.NewReader(b), int64(len(b)), 3, ID{8}) },
		func() (*Shard, error) { return OpenShard(bytes.NewReader(b), int64(len(b))-1, 3, ID{7}) },
		func() (*Shard, error) { return OpenShard(bytes.NewReader(nil), 0, 3, ID{7}) },
	} {
		if _, err := other(); !errors.Is(err, ErrDamaged) {
			t.Errorf("the shard of another pack: %v", err)
		}
	}
	newer := bytes.Clone(b)
	newer[8] = Version + 1
	if _, err := OpenShard(bytes.NewReader(newer), int64(len(b)), 3, ID{7}); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a newer version: %v", err)
	}
}

// TestBytes: the format is frozen. A change needs another Version.
func TestBytes(t *testing.T) {
	b := shard(t)
	if got := crc32.ChecksumIEEE(b); len(b) != 521 || got != 0x84886f55 {
		t.Errorf("a shard has %d bytes with the checksum %#x", len(b), got)
	}
}

// TestManifest: a manifest is read as it was written, and no byte of it can be changed.
func TestManifest(t *testing.T) {
	m, err := Manifest{ID: "000102030405060708090a0b0c0d0e0f", As: Decoded, Images: 4,
		Shards: []Entry{{File: ShardName(0), Images: 4}}, Data: Data{Kind: "folder", Root: "a\xff/"}}.Signed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ManifestFile), text, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadManifest(dir); err != nil || !reflect.DeepEqual(*got, m) {
		t.Errorf("read %+v (%v), want %+v", got, err, m)
	}
	for at := range text {
		bad := bytes.Clone(text)
		bad[at] ^= 1
		if _, err := parseManifest(bad); err == nil {
			t.Errorf("byte %d was changed: %q", at, bad[max(0, at-9):min(len(bad), at+9)])
		}
	}
}

// FuzzShard: whatever the bytes between the checksums, reading a shard ends, and what it returns can be read.
func FuzzShard(f *testing.F) {
	b := shard(f)
	at := binary.LittleEndian.Uint64(b[len(b)-trailerBytes:])
	f.Add(b[at:len(b)-trailerBytes], uint32(4))
	f.Add([]byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, table []byte, n uint32) {
		text := append(header(0, ID{}), make([]byte, 512)...)
		end := make([]byte, trailerBytes)
		binary.LittleEndian.PutUint64(end, uint64(len(text)))
		binary.LittleEndian.PutUint64(end[8:], uint64(len(table)))
		binary.LittleEndian.PutUint32(end[16:], n)
		binary.LittleEndian.PutUint32(end[20:], crc32.Checksum(table, castagnoli))
		binary.LittleEndian.PutUint32(end[60:], crc32.Checksum(end[:60], castagnoli))
		text = append(append(text, table...), end...)
		s, err := OpenShard(bytes.NewReader(text), int64(len(text)), 0, ID{})
		if err != nil {
			return
		}
		if len(s.Records) != int(n) {
			t.Errorf("%d records of %d", len(s.Records), n)
		}
		for i := range s.Records {
			r := &s.Records[i]
			if r.Offset < headerBytes || r.Length < 0 || r.Offset+r.Length > int64(len(text)-len(end)-len(table)) {
				t.Errorf("record %d lies at %d, of %d bytes", i, r.Offset, r.Length)
			}
			_ = Payload(bytes.NewReader(text), r, make([]byte, r.Length))
		}
	})
}

// FuzzManifest: whatever the text, reading it ends.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format": "parallax pack", "version": 1, "shards": [{"file": "00000.shard"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseManifest(text); err == nil && m.check() != nil {
			t.Error("a manifest that does not fit itself")
		}
	})
}
