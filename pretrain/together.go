// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// join meets the other processes of the run, if there are any, and calls f in the chief. The others follow it.
func (o *Options) join(ctx context.Context, device string, f func() (*Result, error)) (result *Result, err error) {
	if o.Place == nil {
		return f()
	}
	torch.UseLocal(o.Place.LocalRank)
	if device != "" {
		if err := torch.Use(device); err != nil {
			return nil, run.Invalid(err)
		}
	}
	p, err := dist.Join(ctx, *o.Place, o.Wait)
	if err != nil {
		return nil, errors.Join(err, writeErrorFile(o.Place, err, time.Now()))
	}
	defer p.Close()
	if o.Joined != nil {
		o.Joined(p)
	}
	o.together = p
	if p.Chief() {
		result, err = f()
	} else {
		result, err = o.follow(ctx)
	}
	if err = p.Explain(err); err != nil && ctx.Err() == nil {
		p.Failed(err)
		err = errors.Join(err, writeErrorFile(o.Place, err, time.Now()))
	}
	return result, err
}

// folder is the name under which the chief remembers the run's folder.
const folder = "folder"

// again returns the folder of the run that processes began before the launcher started them again; "" if there is none.
func (o *Options) again() (string, error) {
	if o.together == nil || o.together.Restart == 0 {
		return "", nil
	}
	dir, err := o.together.Remembered(folder)
	if dir == "" {
		dir = o.Out
	}
	if err != nil || dir == "" {
		return "", err
	}
	if _, err := run.ReadConfig(dir); err != nil {
		return "", nil // it was not begun
	}
	return dir, nil
}

// configText is the name under which the chief publishes the run's config.
const configText = "config"

// publish tells the other processes what to train.
func (o *Options) publish(c *config.Layered) error {
	if o.together == nil {
		return nil
	}
	text, err := c.Encode()
	if err != nil {
		return err
	}
	return o.together.Publish(configText, string(text))
}

// follow trains with the chief, by the chief's config, and writes nothing.
func (o *Options) follow(ctx context.Context) (result *Result, err error) {
	text, err := o.together.Read(configText)
	if err != nil {
		return nil, err
	}
	j, err := o.jobOf([]byte(text))
	if err != nil {
		return nil, err
	}
	if err := j.reopenData(j.Config.Data.Images); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := j.complete(); err != nil {
		return nil, err
	}
	s := &Session{Job: j}
	options := train.Options{Config: j.Config, Method: j.Method, Backbone: j.Backbone, Loader: j.loader(), Save: o.Save,
		Together: o.together}
	if s.Trainer, err = train.New(options); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Trainer.Close()) }()
	if err := s.quarantine(""); err != nil {
		return nil, err
	}
	err = s.Run(ctx)
	return &Result{Steps: s.Step(), Trained: true, Unreadable: s.Loader.Quarantine.Len()}, err
}

// share fills in what follows from the number of processes. resumed says that the config is that of a run, which may
// have had another number: then the number of threads is found anew, unless one is given now.
func (j *Job) share(resumed, given bool) {
	c, n := j.Config, j.together.Processes()
	changed := c.Train.Processes != n
	c.Train.Processes, c.Sources["train.processes"] = n, "alone"
	if j.together != nil {
		c.Sources["train.processes"] = "started by " + j.together.Launcher
	}
	if !resumed || !changed {
		return
	}
	if !given {
		c.Train.Threads, c.Sources["train.threads"] = j.threads()
	}
	if n > 1 && c.Train.Scheme == config.Views {
		c.Train.Scheme, c.Sources["train.scheme"] = config.Operations, "processes share the batch"
	}
}

// threads is how many threads a process computes with, as many as the machine has cores for each of its processes.
func (j *Job) threads() (n int, source string) {
	n, source = machine.Threads(), "detected"
	if j.together == nil || j.together.LocalProcesses <= 1 {
		return n, source
	}
	if machine.Asked() {
		return n, "OMP_NUM_THREADS"
	}
	return max(1, n/j.together.LocalProcesses), fmt.Sprintf("detected, shared by %d processes",
		j.together.LocalProcesses)
}

// thrashes warns where the cache cannot hold the archives of a bucket that are open at a time: then nearly every image
// fetches one.
func (j *Job) thrashes() string {
	shards := len(j.Source.Shards())
	if !j.Source.Remote() || shards == 0 {
		return ""
	}
	most := j.Config.Data.CacheBytes()
	if most == 0 {
		most = dataset.CacheMost
	}
	local := 1
	if j.together != nil {
		local = j.together.LocalProcesses
	}
	open := shards // with a shuffle of all images
	if j.Config.Data.Shuffle == config.ByShards {
		open = max(1, dataset.OpenShards(shards, j.Config.Train.Batch)*local/j.together.Processes())
	}
	need := j.Source.ArchiveBytes() / int64(shards) * int64(open)
	if need <= most {
		return ""
	}
	return fmt.Sprintf("the cache may take %s, and the %d archives that are read at a time on this machine have %s: "+
		"most images will fetch one; give --set data.cache=%s, or smaller archives", humanize.IBytes(uint64(most)),
		open, humanize.IBytes(uint64(need)), strings.ReplaceAll(humanize.IBytes(uint64(need+need/4)), " ", ""))
}

// few warns where torchrun, which sets OMP_NUM_THREADS to 1 unless it is set, leaves most cores idle.
func (j *Job) few() string {
	c := j.Config
	if j.together == nil || !strings.HasPrefix(c.Sources["train.threads"], "OMP_NUM_THREADS") || c.Train.Threads != 1 {
		return ""
	}
	cores := machine.Cores().Whole() / j.together.LocalProcesses
	if cores < 2 {
		return ""
	}
	return fmt.Sprintf("each process computes with one thread, because OMP_NUM_THREADS is 1, as torchrun sets it: "+
		"there are "+
		"%d cores for each, so give --threads %d", cores, cores)
}
