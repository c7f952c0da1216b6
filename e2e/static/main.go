// Command static is a task that needs nothing of its image: no shell, no library.
package main

import "os"

func main() {
	if err := os.WriteFile("static.txt", []byte("by "+os.Getenv("PPROJ_TASK_ID")+"\n"), 0o644); err != nil {
		panic(err)
	}
}
