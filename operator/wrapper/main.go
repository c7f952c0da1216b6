// Command pproj-wrap runs a task's command in the task's own container, and reports to the git container of its pod
// when and how it has ended. It is copied into the container by the init container, and needs nothing of its image.
//
//	pproj-wrap STATE WORKSPACE COMMAND…
//
// STATE is a folder of both containers (operator/parallelproject/git/container/sidecar.py reads it): "lock", made before, is held
// as long as the command runs, "started" says that it has been taken, "code" is the command's exit code and the token of
// "token", which is removed before the command starts, "stopped" says that SIGTERM came while the command ran, and "skip",
// made before, says that there is nothing to run. What the command prints is also written to "output", if that was made before.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	notReported = 125 // The end could not be written down: the container must not count as one that did its work.
	notRunnable = 126
	notFound    = 127

	prSetChildSubreaper = 36 // Descendants that lose their parent become our children.
)

func main() {
	// Not to be traced by what it runs, which is the same user: that could have it give the lock away before its end.
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); err != 0 {
		os.Exit(failed(notReported, "cannot begin", err))
	}
	if os.Getpid() != 1 { // Argo's emissary is the first process of its containers.
		if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); err != 0 {
			os.Exit(failed(notReported, "cannot begin", err))
		}
	}
	// What it runs inherits it: a core dump has the environment with its keys, and would lie in the workspace.
	var cores syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &cores); err == nil {
		cores.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &cores)
	}
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: pproj-wrap STATE WORKSPACE COMMAND...")
		os.Exit(notReported)
	}
	os.Exit(wrap(os.Args[1], os.Args[2], os.Args[3:]))
}

func wrap(state, workspace string, command []string) int {
	if _, err := os.Lstat(filepath.Join(state, "skip")); err == nil {
		return 0
	}
	lock, err := os.OpenFile(filepath.Join(state, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(state, "started"), nil, 0o666)
	}
	if err != nil {
		return failed(notReported, "cannot begin", err)
	}
	token, err := takeToken(state)
	if err != nil {
		return failed(notReported, "cannot begin", err)
	}
	printed, err := copyOutput(state)
	if err != nil {
		return failed(notReported, "cannot begin", err)
	}
	code := run(state, command, printed)
	if os.Getpid() == 1 {
		// Nothing that the command left running writes any more.
		_ = syscall.Kill(-1, syscall.SIGKILL)
		for {
			if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
				break
			}
		}
	} else {
		endAll()
	}
	printed.wait()
	open(workspace)
	if err := report(state, code, token); err != nil {
		return failed(notReported, "cannot report how it ended", err)
	}
	return code
}

// takeToken gives the token that proves that an end was written by the wrapper. Nothing that runs later can read it: its file
// is removed, and our memory is closed to other processes of this user.
func takeToken(state string) (string, error) {
	file := filepath.Join(state, "token")
	token, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // where nobody asks for it
	}
	if err == nil {
		err = os.Remove(file)
	}
	return string(token), err
}

// output is what the command prints, on its way to our own standard output and into a file.
type output struct {
	writer *os.File
	copied chan struct{}
}

// copyOutput starts the copy; nil where nobody asks for one.
func copyOutput(state string) (*output, error) {
	file, err := os.OpenFile(filepath.Join(state, "output"), os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	printed := &output{writer, make(chan struct{})}
	go func() {
		defer close(printed.copied)
		buffer := make([]byte, 64*1024)
		for {
			count, err := reader.Read(buffer)
			if file != nil && count > 0 {
				if _, err := file.Write(buffer[:count]); err != nil {
					// The command goes on, and its output without an end is no success.
					failed(0, "cannot keep the output", err)
					file = nil
				}
			}
			_, _ = os.Stdout.Write(buffer[:count])
			if err != nil {
				return
			}
		}
	}()
	return printed, nil
}

// files gives what the command has open from its start.
func (printed *output) files() []*os.File {
	if printed == nil {
		return []*os.File{os.Stdin, os.Stdout, os.Stderr}
	}
	return []*os.File{os.Stdin, printed.writer, printed.writer}
}

// wait returns when all that was printed is written. No process of the command may run any more.
func (printed *output) wait() {
	if printed != nil {
		_ = printed.writer.Close()
		<-printed.copied
	}
}

// run gives the command's exit code, as a shell has it. Signals that come meanwhile are passed on; of SIGTERM a note is made
// first, so that what the command does then is never taken for its own end.
func run(state string, command []string, printed *output) int {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return failed(notFound, "cannot start "+command[0], err)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT)
	process, err := os.StartProcess(path, command, &os.ProcAttr{
		Env:   os.Environ(),
		Files: printed.files(),
	})
	if err != nil {
		return failed(notRunnable, "cannot start "+command[0], err)
	}
	go func() {
		for number := range signals {
			if number == syscall.SIGTERM {
				_ = os.WriteFile(filepath.Join(state, "stopped"), nil, 0o666)
			}
			_ = syscall.Kill(process.Pid, number.(syscall.Signal))
		}
	}()
	for {
		// Of any child: as a container's first process it inherits those that lose their parent.
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return failed(notReported, "cannot wait for "+command[0], err)
		case pid == process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		}
	}
}

// endAll ends what the command left running: descendants that lose their parent are our children, until none is left.
func endAll() {
	for {
		for _, pid := range children() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.ECHILD {
			return
		}
		if pid <= 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func children() []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		// The name of the program is in parentheses and may have any character; its state and its parent follow.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			found = append(found, pid)
		}
	}
	return found
}

// open makes what the command left readable: the git container may be another user than the image's own.
func open(workspace string) {
	_ = filepath.WalkDir(workspace, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&^fs.ModeDir != 0 {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		wanted := info.Mode().Perm() | 0o444
		if entry.IsDir() || wanted&0o111 != 0 {
			wanted |= 0o111
		}
		if wanted != info.Mode().Perm() { // a change for nothing would have git read the file again
			_ = os.Chmod(path, wanted)
		}
		return nil
	})
}

func report(state string, code int, token string) error {
	file := filepath.Join(state, "code")
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(code)+"\n"+token+"\n"), 0o666); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func failed(code int, what string, err error) int {
	fmt.Fprintf(os.Stderr, "pproj: %s: %v\n", what, err)
	return code
}
