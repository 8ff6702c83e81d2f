import type { Encoded } from '../../../fscc/encoded.ts';
import { FILE_ATTRIBUTE_NORMAL } from '../../../fscc/file-attributes.ts';
import { encodeFileInformation } from '../../../fscc/file-information.ts';
import { FilePipeInformation, FilePipeLocalInformation } from '../../../fscc/info-classes.ts';
import { encodePipeInformation } from '../../../fscc/pipe-information.ts';

/** What a named pipe tells of itself: [MS-FSCC] 2.4.37, 2.4.38 and what any open answers. */
export function queryPipeInformation(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
): Encoded {
  if (infoClass === FilePipeInformation || infoClass === FilePipeLocalInformation) {
    return encodePipeInformation(infoClass, view, at, end, 0);
  }
  return encodeFileInformation(infoClass, view, at, end, {
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    attributes: FILE_ATTRIBUTE_NORMAL,
    endOfFile: 0,
    allocationSize: 4096,
    numberOfLinks: 1,
    deletePending: true,
    isDirectory: false,
    fileId: 0n,
    eaSize: 0,
    reparseTag: 0,
    accessFlags: 0,
    positionOffset: 0n,
    mode: 0,
    alignment: 0,
    name: '\\',
    volumeSerialNumber: 0n,
  });
}
