// pixmill under PM2. Copy this file into the folder that has the virtual environment `env` (with pixmill[roles]); the
// data will be in its `uploads`.
//
//   pm2 start ecosystem.config.js
//   pm2 stop pixmill                                         drains, and then ends
//   env/bin/python -m pixmill.server supervisor restart      a new process in each place, without a refused connection
//
// Type them in that folder. If PM2 was started with a PIXMILL_RUN or an XDG_RUNTIME_DIR, the last one needs it, too.
//
// It is one app, the supervisor, and not one app for each role. PM2 shares a listening socket between Node processes
// only, so each web process would need a port of its own, and a proxy; and PM2 has no order in which it stops apps. The
// supervisor holds one socket, replaces and scales the processes, ends those that hang, and stops the broker last.
const path = require('path')

module.exports = {
  apps: [{
    name: 'pixmill',
    script: path.join(__dirname, 'env', 'bin', 'pixmill'),
    args: ['serve'],
    interpreter: 'none',
    exec_mode: 'fork',
    cwd: __dirname,
    env: {
      PIXMILL_DATA: path.join(__dirname, 'uploads')
    },
    // `pm2 stop` sends SIGINT, to the supervisor alone. By default (treekill) every process gets it at once: the broker
    // would be gone while workers finish their jobs.
    treekill: false,
    // PIXMILL_DRAIN_SECONDS (30), and a few seconds. Then comes SIGKILL, with which the whole family ends. PM2's default
    // of 1.6 s would cut every drain short. Whoever raises that setting raises this, too.
    kill_timeout: 40000,
    // PM2 waits for a message of Node's process.send(), which a Python process has not. So "online" means started;
    // GET /health/ready says when it serves. (`pm2 reload` is a stop and a start here, as of every app in fork mode.)
    wait_ready: false,
    // It is started again at once. PM2 gives up after 16 starts that each live for less than a second. 2 is a refused
    // start: a restart does not help, and the reason is in `pm2 logs`. (With a restart delay PM2 would show such an app
    // as "waiting restart" for ever.)
    autorestart: true,
    stop_exit_codes: [2],
    // Do not look for a git repository around the program.
    vizion: false
  }]
}
