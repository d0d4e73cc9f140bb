// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/internal/objects"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// fetchesAtOnce is how many shards are fetched from a bucket at a time.
const fetchesAtOnce = 4

// remote is archives in a bucket. Each is fetched as a whole into the cache when an image of it is read. The files that
// an archive lists are kept in the cache, too, so that a data set opens without its archives.
type remote struct {
	bucket *objects.Bucket
	cache  *cache
	ctx    context.Context // ends with close
	end    context.CancelFunc
	turns  chan struct{} // has an element for each fetch

	mu       sync.Mutex
	fetching map[string]*fetch // by the name of the file in the cache
	ahead    sync.WaitGroup
}

// fetch is a shard that is being fetched.
type fetch struct {
	done chan struct{}
	err  error
}

// openRemote opens the archives that an address of a bucket stands for.
func openRemote(address string, o Options) (*whole, error) {
	where, pattern, err := objects.Split(address)
	if err != nil {
		return nil, err
	}
	patterns, err := braces(pattern, nil)
	if err != nil {
		return nil, err
	}
	c, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	if o.CacheBytes > 0 {
		c.most = o.CacheBytes
	}
	ctx, end := context.WithCancel(context.Background())
	b, err := objects.Open(ctx, where)
	if err != nil {
		end()
		return nil, err
	}
	r := &remote{bucket: b, cache: c, ctx: ctx, end: end, turns: make(chan struct{}, fetchesAtOnce),
		fetching: map[string]*fetch{}}
	w, err := r.open(patterns, o)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	closing := w.close
	w.close = func() error { return errors.Join(closing(), r.close()) }
	return w, nil
}

func (r *remote) close() error {
	r.end()
	r.ahead.Wait()
	return r.bucket.Close()
}

func (r *remote) open(patterns []string, o Options) (*whole, error) {
	list, err := r.bucket.List(r.ctx, patterns)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]objects.Object, len(list))
	keys := make([]string, len(list))
	for i, object := range list {
		if ending := strings.ToLower(path.Ext(object.Key)); ending != ".tar" && ending != ".zip" {
			return nil, fmt.Errorf("%s is no .tar and no .zip: from a bucket, archives of images are read",
				printable.Name(object.Key))
		}
		keys[i], byKey[object.Key] = object.Key, object
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no object of %s matches", r.bucket.Name())
	}
	dir, names := relative(keys)
	set := shardsBelow(dir, "", names)
	if err := namedApart(set); err != nil {
		return nil, err
	}
	l, err := listSet(set, func(s shard) (*listing, error) { return r.list(byKey[s.path], o) })
	if err != nil {
		return nil, err
	}
	w, err := openArchives(l, set, o)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	w.identity = l.identity
	w.skipped = append(w.skipped, l.skipped...)
	archives := make(map[string]objects.Object, len(set))
	for _, s := range set {
		archives[s.name] = byKey[s.path]
		w.archiveBytes += byKey[s.path].Size
	}
	// The store says whether an archive is what it was, so that no archive has to be fetched for it.
	l.recorded = func(i int) string {
		name := l.files[i].name
		archive, _, ok := cutShard(name, archives)
		if !ok {
			return ""
		}
		sum := sha256.Sum256([]byte(archives[archive].Version() + "\n" + name))
		return "object " + hex.EncodeToString(sum[:])
	}
	w.ahead = func(image string) {
		if archive, _, ok := cutShard(image, archives); ok {
			r.readAhead(archives[archive])
		}
	}
	return w, nil
}

// shardIndex is what an archive lists, as the cache keeps it.
type shardIndex struct {
	Names    []string
	Sizes    []int64
	Offsets  []int64
	Skipped  skipped
	Identity []byte
}

// list lists an archive, from the cache if it was listed before. A zip archive is listed each time.
func (r *remote) list(object objects.Object, o Options) (*listing, error) {
	f := &remoteFile{remote: r, object: object, name: r.fileName(object)}
	index := strings.TrimSuffix(f.name, path.Ext(f.name)) + ".index"
	if text, err := os.ReadFile(r.cache.path(index)); err == nil {
		var known shardIndex
		if err := json.Unmarshal(text, &known); err == nil && len(known.Names) == len(known.Sizes) &&
			len(known.Names) == len(known.Offsets) {
			return f.listing(known), nil
		}
	}
	l, err := listOpened(f, o)
	if err != nil {
		return nil, err
	}
	if l.kind != KindTar || l.offsets == nil {
		return l, nil
	}
	known := shardIndex{Offsets: l.offsets, Skipped: l.skipped, Identity: l.identity}
	for _, file := range l.files {
		known.Names, known.Sizes = append(known.Names, file.name), append(known.Sizes, file.size)
	}
	if text, err := json.Marshal(known); err == nil { // without it the archive is listed again next time
		_ = r.cache.write(index, int64(len(text)), func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	return l, nil
}

// fileName is the name of an object in the cache: a hash of where it is and of its version.
func (r *remote) fileName(object objects.Object) string {
	sum := sha256.Sum256([]byte(r.bucket.Name() + "\n" + object.Key + "\n" + object.Version()))
	return "object-" + hex.EncodeToString(sum[:16]) + ".tar" // so that the cache counts it, whatever it is
}

// remoteFile is an archive in a bucket.
type remoteFile struct {
	remote *remote
	object objects.Object
	name   string // in the cache
}

// listing is that of an archive whose content is known.
func (f *remoteFile) listing(known shardIndex) *listing {
	l := &listing{kind: KindTar, close: f.Close, skipped: known.Skipped, identity: known.Identity,
		offsets: known.Offsets, files: make([]file, len(known.Names))}
	for i, name := range known.Names {
		l.files[i] = file{name, known.Sizes[i], f.object.Modified.UnixNano()}
	}
	l.open = func(t file) (blob, error) {
		i, found := slices.BinarySearch(known.Names, t.name)
		if !found {
			return nil, os.ErrNotExist
		}
		return section{io.NewSectionReader(f, known.Offsets[i], t.size)}, nil
	}
	return l
}

// ReadAt reads of the file in the cache, which is fetched if it is not there.
func (f *remoteFile) ReadAt(p []byte, off int64) (int, error) {
	for try := 0; ; try++ {
		local, err := f.remote.cache.open(f.name)
		if errors.Is(err, fs.ErrNotExist) && try < 3 { // it may be removed again before it is opened
			if err = f.remote.fetch(f.object, f.name); err == nil {
				continue
			}
		}
		if err != nil {
			return 0, err
		}
		defer local.Close()
		return local.ReadAt(p, off)
	}
}

// Close does nothing: no file stays open.
func (f *remoteFile) Close() error { return nil }

// Name is the key.
func (f *remoteFile) Name() string { return f.object.Key }

// Stat describes the object.
func (f *remoteFile) Stat() (fs.FileInfo, error) { return objectInfo{f.object}, nil }

type objectInfo struct{ objects.Object }

func (o objectInfo) Name() string       { return path.Base(o.Key) }
func (o objectInfo) Size() int64        { return o.Object.Size }
func (o objectInfo) Mode() fs.FileMode  { return 0o444 }
func (o objectInfo) ModTime() time.Time { return o.Modified }
func (o objectInfo) IsDir() bool        { return false }
func (o objectInfo) Sys() any           { return nil }

// fetch fetches an object into the cache. Whoever wants the same object meanwhile waits for it.
func (r *remote) fetch(object objects.Object, name string) error {
	r.mu.Lock()
	f, running := r.fetching[name]
	if !running {
		f = &fetch{done: make(chan struct{})}
		r.fetching[name] = f
	}
	r.mu.Unlock()
	if running {
		<-f.done
		return f.err
	}
	defer func() {
		r.mu.Lock()
		delete(r.fetching, name)
		r.mu.Unlock()
		close(f.done)
	}()
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-r.ctx.Done():
		f.err = context.Cause(r.ctx)
		return f.err
	}
	if _, err := os.Stat(r.cache.path(name)); err == nil {
		return nil // another process has fetched it
	}
	if f.err = r.cache.make(object.Size); f.err == nil {
		f.err = r.cache.write(name, object.Size, func(w io.Writer) error { return r.bucket.Fetch(r.ctx, object, w) })
	}
	return f.err
}

// readAhead fetches an object in the background, unless it is in the cache.
func (r *remote) readAhead(object objects.Object) {
	name := r.fileName(object)
	r.mu.Lock()
	_, running := r.fetching[name]
	r.mu.Unlock()
	if _, err := os.Stat(r.cache.path(name)); running || err == nil || r.ctx.Err() != nil {
		return
	}
	r.ahead.Go(func() { _ = r.fetch(object, name) }) // an error comes again when an image is read
}

// Shards returns how many images the archives have that the data set is made of, in the order of the images; nil if it
// is not made of several.
func (s *Source) Shards() (sizes []int) {
	if len(s.whole.shards) < 2 {
		return nil
	}
	last := -1
	for _, i := range s.Dataset.(*selection).index {
		if at := s.whole.shardOf(i); at != last || len(sizes) == 0 {
			sizes, last = append(sizes, 0), at
		}
		sizes[len(sizes)-1]++
	}
	return sizes
}

// ArchiveBytes is how many bytes the archives of a bucket have together; 0 for other data.
func (s *Source) ArchiveBytes() int64 { return s.whole.archiveBytes }

// Remote reports whether the images come from a bucket.
func (s *Source) Remote() bool { return s.whole.ahead != nil }

// Ahead says that some images will be read soon.
func (s *Source) Ahead(images []int) {
	if s.whole.ahead == nil {
		return
	}
	last := -1
	for _, i := range images {
		i := s.Dataset.(*selection).index[i]
		if at := s.whole.shardOf(i); at != last { // neighbouring rows are often of one archive
			s.whole.ahead(s.whole.items[i].name)
			last = at
		}
	}
}

// shardOf returns the number of the archive of an image, in the order of their names; -1 if it is of none.
func (w *whole) shardOf(i int) int {
	archive, _, ok := cutShard(w.items[i].name, w.shards)
	if !ok {
		return -1
	}
	return w.shards[archive]
}
