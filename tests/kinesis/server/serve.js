// Kinesis on a free port of this machine: prints the port, and ends when its input does.
// SIGUSR2 puts its clock 25 hours forward: iterators expire, records leave a retention of 24 hours.
const now = Date.now
let shift = 0
Date.now = () => now() + shift
process.on('SIGUSR2', () => { shift += 25 * 3600 * 1000 })

const kinesalite = require('kinesalite')
const quick = {createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0, shardLimit: 1000}
const server = kinesalite(quick).listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
